from pathlib import Path

import numpy as np
from PIL import Image

from dias.data.formats.flow_png import flow_to_numbers, read_flow


def test_flow_comes_back_to_a_128th_of_a_pixel(tmp_path: Path) -> None:
    flow = np.random.default_rng(0).uniform(-400, 400, (6, 9, 2))
    flow[1, 2] = np.nan
    flow[3, 4, 1] = 600  # too far to be stored: neither part is known
    numbers = flow_to_numbers(flow)
    assert numbers.shape == (12, 9)
    Image.fromarray(numbers).save(tmp_path / "flow.png")
    found = read_flow(tmp_path / "flow.png", size=(6, 9))
    unknown = np.isnan(found).all(axis=-1)
    assert [tuple(place) for place in np.argwhere(unknown)] == [(1, 2), (3, 4)]
    assert np.abs(found - flow)[~unknown].max() <= 1 / 128
