"""The same images by all methods, side by side with the truth."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dias.comparison.columns import MethodRow
from dias.comparison.measures import drawn
from dias.comparison.plan import Plan
from dias.evaluation.pictures import with_truth
from dias.files import write_atomic
from dias.provenance import Provenance
from dias.viz import contact_sheet

FILE = "grid.png"


def write_grid(
    plan: Plan, rows: Sequence[MethodRow], indices: Sequence[int], origin: Provenance
) -> Path | None:
    """Put the pictures that `draw` made into one sheet; None when no method has any.

    Returns:
        The file, a PNG that carries its provenance as text.
    """
    shown = [row for row in rows if all(drawn(row.method.folder, index).is_file() for index in indices)]
    if not shown or not indices:
        return None
    sheet = contact_sheet(
        [
            [
                *with_truth(plan.source, index, config=plan.wish.evaluation),
                *(np.asarray(Image.open(drawn(row.method.folder, index))) for row in shown),
            ]
            for index in indices
        ],
        titles=["image", "ground truth", *(row.name for row in shown)],
    )
    told = PngInfo()
    told.add_text("provenance", json.dumps(origin.to_dict()))
    file = plan.wish.folder / FILE
    write_atomic(file, lambda stream: Image.fromarray(sheet).save(stream, format="PNG", pnginfo=told))
    return file
