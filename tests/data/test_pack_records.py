"""A sample and its bytes: equal in every field; bytes that are no sample are refused, and nothing is run."""

import io
import os
import pickle
import tarfile
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dias.data.packing.record import Smaller, decoded, encoded, picture
from dias.data.packing.tar import packed
from dias.data.samples import ImageSample
from dias.errors import SampleError

INTEGERS = (np.int8, np.int16, np.int32, np.int64)
FLOATS = (np.float16, np.float32, np.float64)


@st.composite
def samples(draw: st.DrawFn) -> ImageSample:
    """Of any size, with or without each field, every bit of every number at random."""
    size = draw(st.tuples(st.integers(2, 99), st.integers(2, 99)))
    objects = draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def maybe(kinds: tuple[type, ...], shape: tuple[int, ...]) -> np.ndarray | None:
        kind = draw(st.none() | st.sampled_from(kinds))
        if kind is None:
            return None
        values = np.frombuffer(rng.bytes(int(np.prod(shape)) * np.dtype(kind).itemsize), dtype=kind)
        largest = draw(st.sampled_from([1, 255, 256, 65_535, 65_536, None]))
        small = largest is not None and np.issubdtype(kind, np.integer) and largest <= np.iinfo(kind).max
        return (values % largest if small else values).reshape(shape)

    return ImageSample(
        image=rng.integers(0, 256, (*size, 3), dtype=np.uint8),
        name=draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)),
        mask=maybe(INTEGERS, size),
        ignore=rng.random(size) < 0.5 if draw(st.booleans()) else None,
        boxes=maybe(FLOATS, (objects, 4)),
        classes=maybe(INTEGERS, (objects,)),
        tracks=maybe(INTEGERS, (objects,)),
        depth=maybe(FLOATS, size),
    )


def same(one: ImageSample, other: ImageSample) -> None:
    for field in fields(ImageSample):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), field.name
            assert a.tobytes() == b.tobytes(), field.name
        else:
            assert a == b, field.name


@given(samples())
def test_every_field_comes_back(sample: ImageSample) -> None:
    record = encoded(sample, index=7)
    assert record == encoded(sample, index=7)
    same(decoded(record, where="shard"), sample)


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_the_file_of_a_picture_is_kept_if_it_gives_the_same_pixels() -> None:
    original = jpeg(NOISE)
    pixels = np.array(Image.open(io.BytesIO(original)))
    kept = encoded(ImageSample(image=pixels, name="a.jpg"), index=0, original=original)
    assert picture(kept, where="shard") == original
    other = encoded(ImageSample(image=NOISE, name="a.jpg"), index=0, original=original)
    assert picture(other, where="shard") != original
    assert (decoded(other, where="shard").image == NOISE).all()


def test_any_tar_reads_a_record() -> None:
    sample = ImageSample(image=NOISE, name="a.png", mask=np.zeros((40, 60), dtype=np.int32))
    with tarfile.open(fileobj=io.BytesIO(encoded(sample, index=12) + bytes(1024))) as found:
        assert found.getnames() == ["000000012.json", "000000012.image.webp", "000000012.mask.png"]


def test_a_smaller_picture_takes_its_labels_along() -> None:
    mask = np.repeat(np.arange(4, dtype=np.int32), 10)[:, None].repeat(60, axis=1)
    boxes = np.array([[0, 0.25, 1, 0.5]], dtype=np.float32)
    depth = mask.astype(np.float32)
    sample = ImageSample(image=NOISE, name="a", mask=mask, ignore=mask > 2, boxes=boxes, depth=depth)
    small = decoded(encoded(sample, index=0, smaller=Smaller(side=20, quality=90)), where="shard")
    assert small.image.shape == (20, 30, 3)
    assert small.mask is not None
    assert small.ignore is not None
    assert small.boxes is not None
    assert small.depth is not None
    assert small.mask[:, 0].tolist() == np.repeat(range(4), 5).tolist()
    assert (small.ignore == (small.mask > 2)).all()
    assert (small.depth == small.mask).all()
    assert (small.boxes == boxes).all()
    same(decoded(encoded(sample, index=0, smaller=Smaller(side=40, quality=90)), where="shard"), sample)


WHOLE = encoded(
    ImageSample(
        image=NOISE[:6, :6], name="a", mask=np.full((6, 6), -1), depth=np.ones((6, 6)), boxes=np.ones((2, 4))
    ),
    index=0,
)


@given(st.data())
def test_damaged_records_are_refused_in_a_line(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(WHOLE)))
    changes = data.draw(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=3))
    broken = bytearray(WHOLE)
    for place, value in changes:
        broken[place] = value
    with suppress(SampleError):  # a change may hit what nobody reads
        decoded(bytes(broken[:cut]), where="shard")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"0.json": pickle.dumps(Evil())},
        {"0.json": b'{"name":"a"}', "0.image.jpg": pickle.dumps(Evil())},
        {"0.json": b'{"name":"a","depth":"object"}', "0.image.jpg": jpeg(NOISE)},
        {"0.json": b'{"name":"a","depth":"float64"}', "0.image.jpg": jpeg(NOISE), "0.depth.zlib": b"x"},
        {"0.json": b'{"name":"a","mask":"int64"}', "0.image.jpg": jpeg(NOISE)},
        {
            "0.json": b'{"name":"a","boxes":{"dtype":"float32","shape":[-1,4],"data":""}}',
            "0.image.jpg": jpeg(NOISE),
        },
    ],
)
def test_crafted_records_run_nothing(files: dict[str, bytes]) -> None:
    with pytest.raises(SampleError, match=r"^shard: "):
        decoded(packed(files), where="shard")
    assert not os.path.exists("executed")


def test_links_in_a_shard_are_refused() -> None:
    link = tarfile.TarInfo("0.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(SampleError, match="no whole, plain file"):
        decoded(link.tobuf(tarfile.USTAR_FORMAT), where="shard")
