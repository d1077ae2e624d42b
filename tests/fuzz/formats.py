"""What is fuzzed: every kind of file that somebody else may have written, and how it is read.

A reader may give a value or raise a DiasError. Anything else, a crash above all, is a finding.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dias.checkpoints import load_model, save_model
from dias.config import read_yaml
from dias.data.clevrer import answer_of
from dias.data.images import read_image, read_mask
from dias.data.packing import PackSettings, pack
from dias.data.sources import Clevrer, ClevrerConfig, open_source
from dias.errors import DiasError, SampleError
from dias.features import FeatureCache
from dias.features.store import checksum
from dias.models import ImageModelConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.training.saving import AtomicCheckpoints
from miniatures import clevrtex, coco, davis, rendered_clips, scenes, videos, voc, ytvis

CLEVRER = Path(__file__).parents[1] / "miniatures" / "clevrer"
MOVI = Path(__file__).parents[1] / "miniatures" / "movi" / "movi_a"
LARGEST = 65_536  # bytes of an input


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        prepare: makes a folder of whole files around the one that is fuzzed, and gives that one's path.
        read: reads it, as the software does.
    """

    prepare: Callable[[Path], Path]
    read: Callable[[Path], object]


def try_reading(kind: Format, file: Path, text: bytes) -> None:
    """Put bytes in the place of a whole file and read them; only a DiasError may come of it."""
    file.write_bytes(text)
    try:
        kind.read(file)
    except DiasError as error:
        said = str(error)
    else:
        return
    assert said.strip(), "an error without words"
    assert "\n" not in said, f"more than a line: {said}"


def _picture(name: str, mode: str, **options: object) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        values = np.random.default_rng(0).integers(0, 6, (12, 16, 3)).astype(np.uint8)
        image = Image.fromarray(values * 40).convert("RGB")
        image = Image.fromarray(values[..., 0]) if mode == "L" else image.convert(mode)
        image.save(folder / name, **options)
        return folder / name

    return prepare


def _checkpoint(folder: Path) -> Path:
    torch.manual_seed(0)
    config = ImageModelConfig(channels=4, positions=4, aggregation=AggregationConfig(slot_dim=4))
    save_model(folder / "model.safetensors", config.build())
    return folder / "model.safetensors"


def _state(folder: Path) -> Path:
    torch.save({"step": 3, "weights": torch.arange(6.0)}, folder / "state.ckpt")
    return folder / "state.ckpt"


def _recipe(folder: Path) -> Path:
    (folder / "recipe.yaml").write_text("data:\n  train: {kind: folder, path: x}\ntraining: {steps: 3}\n")
    return folder / "recipe.yaml"


def _cache(folder: Path) -> Path:
    (folder / "cache.json").write_text(
        '{"format": "dias-features-1", "key": {"weights": "0", "final_norm": false, "input_size": null, '
        '"precision": "fp32", "size": 4, "views": 1, "seed": 0, "data": "0", "count": 2}, "grid": [1, 2], '
        '"channels": 3, "names": ["a", "b"], "provenance": {}}'
    )
    sums = np.full(2, checksum(np.zeros((1, 2, 3), dtype=np.float16)), dtype=np.uint32)
    for name, text in {"features.bin": bytes(24), "state.bin": b"\1\1", "sums.bin": sums.tobytes()}.items():
        (folder / name).write_bytes(text)
    return folder / "cache.json"


def _below(write: Callable[[Path], object], name: str) -> Callable[[Path], Path]:
    """One file of a miniature data set."""

    def prepare(folder: Path) -> Path:
        write(folder)
        return folder / name

    return prepare


def _read_all(file: Path, *, up: int, settings: tuple[str, ...] = ()) -> None:
    """Read every sample of the data set that a file belongs to, the good ones after a bad one too."""
    source = open_source(file.parents[up], settings=settings)
    faults = []
    for index in range(len(source)):
        try:
            source[index]
        except SampleError as error:
            faults.append(error)
    if faults:
        raise faults[0]


def _clevrer(name: str) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        shutil.copytree(CLEVRER, folder / "clevrer")
        return folder / "clevrer" / name

    return prepare


def _videos(file: Path, *, up: int) -> Clevrer:
    return ClevrerConfig(path=str(file.parents[up]), split="train").build()


def _read_questions(file: Path) -> None:
    """What their programs say to events that are whole."""
    videos = _videos(file, up=0)
    log = videos.log(1)
    for question in videos.questions(1):
        for choice in question.choices or (None,):
            answer_of(log, question.program or (), choice and (choice.program or ()))


def _movi(folder: Path) -> Path:
    shutil.copytree(MOVI, folder / "movi_a")
    return next(folder.rglob("movi_a-train.tfrecord-*"))


def _read_index(file: Path) -> None:
    """With the hash of what stands in it now, so that more than the hash is tried."""
    manifest = json.loads(file.with_name("pack.json").read_text())
    manifest["index"] = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_name("pack.json").write_text(json.dumps(manifest))
    _read_all(file, up=0)


def _pack(name: str) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        source = open_source(voc.write(folder / "voc", count=3), use="train")
        pack(source, folder / "pack", PackSettings(per_shard=2), origin={}, progress=False)
        return folder / "pack" / name

    return prepare


FORMATS = {
    "png": Format(_picture("a.png", "RGB"), read_image),
    "jpeg": Format(_picture("a.jpg", "RGB"), read_image),
    "webp": Format(_picture("a.webp", "RGB"), read_image),
    "tiff": Format(_picture("a.tif", "RGB", compression="tiff_lzw"), read_image),
    "gif": Format(_picture("a.gif", "P"), read_image),
    "mask": Format(_picture("a.png", "L"), read_mask),
    "checkpoint": Format(_checkpoint, lambda file: load_model(file, with_backbone=False)),
    "state": Format(_state, AtomicCheckpoints().load_checkpoint),
    "recipe": Format(_recipe, read_yaml),
    "cache": Format(_cache, lambda file: FeatureCache.open(file.parent)),
    "clevrer annotation": Format(
        _clevrer("annotation_train/annotation_00000-01000/annotation_00001.json"),
        lambda file: _videos(file, up=2).log(1),
    ),
    "clevrer questions": Format(_clevrer("train.json"), _read_questions),
    "clevrer segments": Format(
        _clevrer("derender_proposals/proposal_00001.json"), lambda file: _videos(file, up=1).read(1, [0])
    ),
    "clevrtex mask": Format(
        _below(lambda folder: clevrtex.write(folder), "clevrtex_full/0/CLEVRTEX_full_000000_flat.png"),
        partial(_read_all, up=2),
    ),
    "coco panoptic json": Format(
        _below(lambda folder: coco.write(folder, splits=("val2017",)), "annotations/panoptic_val2017.json"),
        partial(_read_all, up=1),
    ),
    "coco panoptic png": Format(
        _below(
            lambda folder: coco.write(folder, splits=("val2017",)),
            "annotations/panoptic_val2017/000000000009.png",
        ),
        partial(_read_all, up=2),
    ),
    "coco instances json": Format(
        _below(lambda folder: coco.write(folder, splits=("val2017",)), "annotations/instances_val2017.json"),
        partial(_read_all, up=1, settings=("mode=polygons",)),
    ),
    "movi record": Format(_movi, partial(_read_all, up=3, settings=("split=train",))),
    "movi declaration": Format(
        lambda folder: _movi(folder).with_name("features.json"),
        partial(_read_all, up=3, settings=("split=train",)),
    ),
    "movi info": Format(
        lambda folder: _movi(folder).with_name("dataset_info.json"),
        partial(_read_all, up=3, settings=("split=train",)),
    ),
    "scenes": Format(_below(scenes.write, "scenes.json"), partial(_read_all, up=0)),
    "scenes objects": Format(_below(scenes.write, "objects.jsonl"), partial(_read_all, up=0)),
    "clips": Format(
        _below(lambda folder: rendered_clips.write(folder, count=1), "clips.json"), partial(_read_all, up=0)
    ),
    "clips objects": Format(
        _below(lambda folder: rendered_clips.write(folder, count=1), "objects.jsonl"),
        partial(_read_all, up=0),
    ),
    "ytvis json": Format(
        _below(ytvis.write, "train.json"), partial(_read_all, up=0, settings=("split=train",))
    ),
    "davis mask": Format(
        _below(davis.write, "Annotations/480p/blackswan/00001.png"), partial(_read_all, up=3)
    ),
    "davis list": Format(
        _below(davis.write, "ImageSets/2017/val.txt"), partial(_read_all, up=2, settings=("split=val",))
    ),
    "video": Format(
        _below(lambda folder: videos.write(folder / "a.mp4", 6), "a.mp4"), partial(_read_all, up=0)
    ),
    "pack manifest": Format(_pack("pack.json"), partial(_read_all, up=0)),
    "pack index": Format(_pack("index.json"), _read_index),
    "pack shard": Format(_pack("shard-000000.tar"), partial(_read_all, up=0)),
    "voc list": Format(
        _below(lambda folder: voc.write(folder), "VOCdevkit/VOC2012/ImageSets/Segmentation/trainval.txt"),
        partial(_read_all, up=4, settings=("split=trainval",)),
    ),
    "voc mask": Format(
        _below(lambda folder: voc.write(folder), "VOCdevkit/VOC2012/SegmentationObject/2007_000001.png"),
        partial(_read_all, up=3, settings=("split=trainval",)),
    ),
}
