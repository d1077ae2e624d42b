"""Slots on disk are those that the model found, whatever happened while they were written."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from colour_model import Memory, colour_model, three_colours
from dias.data.part import Part
from dias.errors import DiasError, SlotsError
from dias.inference.segment import Segmenter
from dias.slots import SlotFiles, SlotHeader, extract, load
from dias.slots.header import Extraction, header_of
from dias.slots.parquet import parquet
from dias.slots.shards import table_file, tensor_file

pytest.importorskip("pyarrow")
COUNT = 7


def pictures() -> Memory:
    """Seven pictures of different sizes, one of them broken."""
    sizes = [(56 + 14 * number, 70) for number in range(COUNT)]
    return Memory([None if number == 3 else three_colours(*size)[0] for number, size in enumerate(sizes)])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(b"what is hashed")
    return tmp_path / "model.safetensors"


def prepared(
    checkpoint: Path, source: Memory, *, fit: str = "whole", per_shard: int = 2
) -> tuple[Segmenter, SlotHeader]:
    segmenter = Segmenter(colour_model(), size=56, batch=2, fit=fit)  # type: ignore[arg-type]
    header = header_of(
        segmenter, source, checkpoint=checkpoint, data={"kind": "memory"}, threshold=None, per_shard=per_shard
    )
    return segmenter, header


def written(folder: Path, checkpoint: Path, **settings: Any) -> SlotFiles:
    source = pictures()
    segmenter, header = prepared(checkpoint, source, **settings)
    extract(segmenter, source, folder, header=header)
    return load(folder, checkpoint=checkpoint)


@pytest.mark.parametrize("fit", ["whole", "centre"])
def test_files_hold_what_the_model_found(fit: str, tmp_path: Path, checkpoint: Path) -> None:
    files = written(tmp_path / "slots", checkpoint, fit=fit)
    readable = [number for number in range(COUNT) if number != 3]
    assert files.names == tuple(f"{number}.png" for number in readable)
    assert [(one.name, one.reason) for one in files.skipped] == [("3.png", "is truncated")]
    arrays, table = files.arrays(attention=True), files.table().to_pylist()
    assert arrays.picture.tolist() == readable
    assert arrays.slots.shape == (6, 5, 4)
    assert arrays.attention is not None
    assert len(table) == 6 * 5
    source = pictures()
    segmenter, _ = prepared(checkpoint, source, fit=fit)
    for row, picture in enumerate(readable):
        found = segmenter([source[picture].image])[0]
        assert arrays.kept[row].tolist() == [False, True, True, True, True]
        np.testing.assert_array_equal(arrays.slots[row, 1:], found.slots)
        assert not arrays.slots[row, 0].any()
        np.testing.assert_allclose(arrays.attention[row, 1:], found.attention, atol=1e-3)
        masks = files.masks(row)
        numbered = np.append(found.slot_indices, -1)[found.labels]
        np.testing.assert_array_equal(masks.labels, numbered)
        np.testing.assert_allclose(masks.boxes[1:], found.boxes)
        assert masks.coverage == found.coverage
        rows = table[row * 5 : row * 5 + 5]
        assert [one["slot"] for one in rows] == list(range(5))
        assert {one["picture"] for one in rows} == {picture}
        assert [one["area"] for one in rows[1:]] == found.areas.tolist()


def test_the_masks_are_those_of_the_pictures(tmp_path: Path, checkpoint: Path) -> None:
    """Slots 1, 2, 3 take red, green, blue; exact where tokens end at the colours' edges."""
    labels = written(tmp_path / "slots", checkpoint).masks(0).labels
    right = three_colours(56, 70)[1] + 1
    assert (labels == right).mean() > 0.9


def test_stopped_and_gone_on_is_the_same(tmp_path: Path, checkpoint: Path) -> None:
    whole = written(tmp_path / "whole", checkpoint)

    def stop(count: int) -> None:
        if count == 5:
            raise KeyboardInterrupt

    source, folder = pictures(), tmp_path / "stopped"
    segmenter, header = prepared(checkpoint, source)
    with pytest.raises(KeyboardInterrupt):
        extract(segmenter, source, folder, header=header, on_pictures=stop)
    with pytest.raises(SlotsError, match="is not finished; run the same `dias slots` again"):
        load(folder)
    table_file(folder, 0).unlink()  # as if a disk had lost it
    segmenter, _ = prepared(checkpoint, source)
    extract(segmenter, source, folder, header=header)
    assert sum(segmenter.backbone.batches) == 2 + 2 + 1  # shards 0, 2, 3; shard 1 was left as it was
    for number in range(4):
        assert tensor_file(folder, number).read_bytes() == tensor_file(whole.folder, number).read_bytes()
        assert table_file(folder, number).read_bytes() == table_file(whole.folder, number).read_bytes()


def test_a_data_set_of_pytorch(tmp_path: Path, checkpoint: Path) -> None:
    files = written(tmp_path / "slots", checkpoint)
    whole = files.arrays(attention=True)
    batches = list(DataLoader(files.dataset(attention=True), batch_size=4, num_workers=1))
    np.testing.assert_array_equal(torch.cat([batch.slots for batch in batches]).numpy(), whole.slots)
    np.testing.assert_array_equal(torch.cat([batch.kept for batch in batches]).numpy(), whole.kept)
    np.testing.assert_array_equal(torch.cat([batch.attention for batch in batches]).numpy(), whole.attention)
    assert torch.cat([batch.picture for batch in batches]).tolist() == list(range(6))
    with pytest.raises(IndexError):
        files.dataset()[6]


def test_arrays_need_no_pyarrow(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "slots", checkpoint)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    parquet.cache_clear()
    try:
        files = load(tmp_path / "slots")
        assert len(files.arrays().slots) == len(files.dataset()) == 6
        with pytest.raises(DiasError, match=r"slot files need pyarrow: pip install 'dias-ocl\[slots\]'"):
            files.masks(0)
    finally:
        parquet.cache_clear()


def test_folders_of_pictures_keep_the_key_that_they_had_before_clips_were_followed() -> None:
    extraction = Extraction(
        checkpoint="a", weights="b", map="aggregation", fit="whole", size=56, seed=0, threshold=None
    )
    names = {"checkpoint_name": "c", "weights_name": "w", "data": {}, "fingerprint": "f"}
    counts = {"pictures": 7, "slots": 5, "slot_dim": 4, "grid": (4, 4), "per_shard": 2}
    header = SlotHeader(extraction=extraction, **names, **counts)  # type: ignore[arg-type]
    assert header.key == "d0e11409564f90bd4c202a378be3994524867e81c1cc06dc687ff948b576d8c2"  # at 0757dc7


def test_slots_of_another_checkpoint_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    written(tmp_path / "slots", checkpoint)
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"another")
    with pytest.raises(SlotsError, match=r"slots of checkpoint \w{12} .*model.safetensors.*, asked for"):
        load(tmp_path / "slots", checkpoint=other)
    source = pictures()
    segmenter, header = prepared(other, source, fit="centre")
    with pytest.raises(SlotsError, match=r"of another extraction: checkpoint, fit differ"):
        extract(segmenter, source, tmp_path / "slots", header=header)


def truncated(folder: Path) -> None:
    file = tensor_file(folder, 1)
    file.write_bytes(file.read_bytes()[:-9])


def lost(folder: Path) -> None:
    tensor_file(folder, 1).unlink()


def of_another(folder: Path) -> None:
    tensor_file(folder, 1).write_bytes(tensor_file(folder.parent / "other", 1).read_bytes())


def no_header(folder: Path) -> None:
    (folder / "slots.json").unlink()


def other_format(folder: Path) -> None:
    (folder / "slots.json").write_text('{"format": "dias-slots-9"}')


def no_json(folder: Path) -> None:
    (folder / "slots.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, r"00001.safetensors: is damaged"),
        (lost, r"00001.safetensors: is missing; run the same"),
        (of_another, r"00001.safetensors: is of another extraction"),
        (no_header, r"holds no slots.json; give a folder that `dias slots` wrote"),
        (other_format, r"has format 'dias-slots-9', expected 'dias-slots-1'"),
        (no_json, r"slots.json: cannot be read"),
    ],
)
def test_damage_is_named(
    damage: Callable[[Path], None], message: str, tmp_path: Path, checkpoint: Path
) -> None:
    written(tmp_path / "slots", checkpoint)
    written(tmp_path / "other", checkpoint, fit="centre")
    damage(tmp_path / "slots")
    with pytest.raises(SlotsError, match=message):
        load(tmp_path / "slots")


def test_a_damaged_table_is_named(tmp_path: Path, checkpoint: Path) -> None:
    files = written(tmp_path / "slots", checkpoint)
    table_file(files.folder, 1).write_bytes(b"PAR1 no more PAR1")
    with pytest.raises(SlotsError, match=r"00001.parquet: is damaged"):
        files.table()


def test_pictures_that_cannot_be_read_are_an_error_if_there_are_no_others(
    tmp_path: Path, checkpoint: Path
) -> None:
    source = Memory([None, None])
    segmenter, header = prepared(checkpoint, source)
    with pytest.raises(DiasError, match=r"no picture could be read: 2 of 2 skipped \(0.png: is truncated\)"):
        extract(segmenter, source, tmp_path / "slots", header=header)


def test_memory_holds_a_shard(tmp_path: Path, checkpoint: Path) -> None:
    """Large pictures are let go one by one: of a shard only arrays and run lengths wait."""
    import tracemalloc

    large = Memory([three_colours(600, 600)[0]] * 3)
    peaks = []
    for count in (4, 24):
        source = Part(large, [0] * count)
        segmenter, header = prepared(checkpoint, source, per_shard=24)  # type: ignore[arg-type]
        tracemalloc.start()
        extract(segmenter, source, tmp_path / str(count), header=header)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    labels = 600 * 600 * 4
    assert peaks[1] - peaks[0] < 5 * labels  # 20 more pictures
