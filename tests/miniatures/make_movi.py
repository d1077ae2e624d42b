"""Writes `tests/miniatures/movi` with TensorFlow Datasets' own writer; run once, in its own environment.

    pip install tensorflow-cpu tensorflow-datasets
    python tests/miniatures/make_movi.py

The features are those of Kubric's builders (challenges/movi/movi_a.py and movi_e.py), names, types and
nesting alike, on pictures of 16 x 16 pixels and a few frames. What TFDS itself reads back goes into
`expected.npz`, so that neither the bytes nor the arrays come from the reader under test.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

SIDE = 16
FRAMES = {"movi_a": 3, "movi_e": 4}
CLIPS = {"movi_a": {"train": 1}, "movi_e": {"train": 3, "validation": 2}}
SHARDS = {"movi_a": 1, "movi_e": 2}  # of each split
SHAPES = ["cube", "cylinder", "sphere"]
CATEGORIES = [
    "Action Figures",
    "Bag",
    "Board Games",
    "Bottles and Cans and Cups",
    "Camera",
    "Car Seat",
    "Consumer Goods",
    "Hat",
    "Headphones",
    "Keyboard",
    "Legos",
    "Media Cases",
    "Mouse",
    "None",
    "Shoe",
    "Stuffed Toys",
    "Toys",
]


def main():
    folder = Path(__file__).parent / "movi"
    with tempfile.TemporaryDirectory() as made:
        for variant in CLIPS:
            write(variant, Path(made))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".config"))


def write(variant, folder):
    """The data set, with TFDS; and what TFDS reads from it."""
    import tensorflow_datasets as tfds

    made = builder(variant)(data_dir=str(folder))
    made.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=SHARDS[variant]))
    arrays = {}
    for split in CLIPS[variant]:
        for place, clip in enumerate(tfds.as_numpy(made.as_dataset(split=split, shuffle_files=False))):
            found = {name: clip[name] for name in ("video", "segmentations", "forward_flow", "depth")}
            for name in ("forward_flow_range", "depth_range"):
                found[name] = clip["metadata"][name]
            found["classes"] = clip["instances"]["shape_label" if variant == "movi_a" else "category"]
            boxes, frames = clip["instances"]["bboxes"], clip["instances"]["bbox_frames"]
            found |= {"boxes": boxes.flat_values, "box_frames": frames.flat_values}
            found["box_counts"] = np.diff(boxes.row_splits)
            arrays |= {f"{split}/{place}/{name}": values for name, values in found.items()}
    np.savez_compressed(folder / variant / "expected.npz", **arrays)


def builder(variant):
    """A builder class; TFDS takes the data set's name from the name of the class."""
    import tensorflow_datasets as tfds

    def info(self):
        spec = tfds.features.FeaturesDict(features(variant))
        return tfds.core.DatasetInfo(builder=self, features=spec, description="A miniature.")

    def generators(self, manager):
        return {split: self._generate_examples(split) for split in CLIPS[variant]}

    def examples(self, split):
        for number in range(CLIPS[variant][split]):
            name = f"{len(split)}{number}"
            yield name, scene(variant, name)

    class_name = "".join(part.capitalize() for part in variant.split("_"))
    config = tfds.core.BuilderConfig(name=f"{SIDE}x{SIDE}", description="A miniature.")
    parts = {
        "VERSION": tfds.core.Version("1.0.0"),
        "BUILDER_CONFIGS": [config],
        "_info": info,
        "_split_generators": generators,
        "_generate_examples": examples,
        "__module__": __name__,
    }
    return type(class_name, (tfds.core.GeneratorBasedBuilder,), parts)


def features(variant):
    import tensorflow_datasets as tfds

    f, frames, shape = tfds.features, FRAMES[variant], (SIDE, SIDE)

    def frame_by_frame(feature):
        return f.Sequence(feature, length=frames)

    both_flows = frame_by_frame(f.Tensor(shape=(*shape, 2), dtype=np.uint16))
    values = {
        "metadata": {
            "video_name": f.Text(),
            "width": np.int32,
            "height": np.int32,
            "num_frames": np.int32,
            "num_instances": np.uint16,
            **{
                f"{name}_range": f.Tensor(shape=(2,), dtype=np.float32)
                for name in ("depth", "forward_flow", "backward_flow")
            },
        },
        "instances": f.Sequence(feature=instance_features(variant)),
        "camera": {
            "focal_length": np.float32,
            "sensor_width": np.float32,
            "field_of_view": np.float32,
            "positions": f.Tensor(shape=(frames, 3), dtype=np.float32),
            "quaternions": f.Tensor(shape=(frames, 4), dtype=np.float32),
        },
        "events": {
            "collisions": f.Sequence(
                {
                    "instances": f.Tensor(shape=(2,), dtype=np.uint16),
                    "frame": np.int32,
                    "force": np.float32,
                    "position": f.Tensor(shape=(3,), dtype=np.float32),
                    "image_position": f.Tensor(shape=(2,), dtype=np.float32),
                    "contact_normal": f.Tensor(shape=(3,), dtype=np.float32),
                }
            )
        },
        "video": f.Video(shape=(frames, *shape, 3)),
        "segmentations": frame_by_frame(f.Image(shape=(*shape, 1), dtype=np.uint8)),
        "forward_flow": both_flows,
        "backward_flow": both_flows,
        "depth": frame_by_frame(f.Image(shape=(*shape, 1), dtype=np.uint16)),
        "normal": f.Video(shape=(frames, *shape, 3), dtype=np.uint16),
        "object_coordinates": f.Video(shape=(frames, *shape, 3), dtype=np.uint16),
    }
    return values if variant == "movi_a" else {**values, "background": f.Text()}


def instance_features(variant):
    import tensorflow_datasets as tfds

    f, frames = tfds.features, FRAMES[variant]
    sizes = {
        "positions": (frames, 3),
        "quaternions": (frames, 4),
        "velocities": (frames, 3),
        "angular_velocities": (frames, 3),
        "bboxes_3d": (frames, 8, 3),
        "image_positions": (frames, 2),
    }
    values = {name: f.Tensor(shape=size, dtype=np.float32) for name, size in sizes.items()}
    values |= dict.fromkeys(("mass", "friction", "restitution"), np.float32)
    values |= {
        "bboxes": f.Sequence(f.BBoxFeature()),
        "bbox_frames": f.Sequence(f.Tensor(shape=(), dtype=np.int32)),
        "visibility": f.Tensor(shape=(frames,), dtype=np.uint16),
    }
    if variant == "movi_a":
        return values | {
            "shape_label": f.ClassLabel(names=SHAPES),
            "size_label": f.ClassLabel(names=["small", "large"]),
            "color": f.Tensor(shape=(3,), dtype=np.float32),
            "color_label": f.ClassLabel(names=["blue", "brown"]),
            "material_label": f.ClassLabel(names=["metal", "rubber"]),
        }
    more = {"asset_id": f.Text(), "category": f.ClassLabel(names=CATEGORIES)}
    return values | more | {"scale": np.float32, "is_dynamic": np.bool_}


def scene(variant, name):
    """Rectangles that move by whole pixels a frame, some in and out of the picture."""
    rng, frames = np.random.default_rng([len(variant), int(name)]), FRAMES[variant]
    shade = np.arange(SIDE, dtype=np.uint8)[:, None] * 3
    video = np.broadcast_to(shade[..., None], (frames, SIDE, SIDE, 3)) + rng.integers(0, 90, 3).astype(
        np.uint8
    )
    masks = np.zeros((frames, SIDE, SIDE, 1), np.uint8)
    flow = np.zeros((frames, SIDE, SIDE, 2))
    depth = np.broadcast_to(np.linspace(30, 12, SIDE)[:, None, None], (frames, SIDE, SIDE, 1)).copy()
    count = int(rng.integers(2, 4))
    for number in range(1, count + 1):
        corner, size, step = rng.integers(0, 10, 2), rng.integers(3, 8, 2), rng.integers(-6, 7, 2)
        for t in range(frames):
            start = np.maximum(corner + t * step, 0)
            stop = np.maximum(corner + t * step + size, 0)
            part = (t, slice(start[0], stop[0]), slice(start[1], stop[1]))
            video[part], masks[part] = (60 * number, 255 - 50 * number, 40), number
            flow[part], depth[part] = step, 10 - 2.5 * number
    forward_range, depth_range = [flow.min(), flow.max()], [depth.min(), depth.max()]
    backward = -flow
    values = {
        "metadata": {
            "video_name": name,
            "width": SIDE,
            "height": SIDE,
            "num_frames": frames,
            "num_instances": count,
            "depth_range": depth_range,
            "forward_flow_range": forward_range,
            "backward_flow_range": [backward.min(), backward.max()],
        },
        "instances": [instance(variant, masks, number) for number in range(1, count + 1)],
        "camera": {
            "focal_length": 35.0,
            "sensor_width": 32.0,
            "field_of_view": 0.857,
            "positions": np.zeros((frames, 3), np.float32),
            "quaternions": np.ones((frames, 4), np.float32),
        },
        "events": {"collisions": [collision(frame) for frame in range(2)]},
        "video": video,
        "segmentations": masks,
        "forward_flow": as_uint16(flow, forward_range),
        "backward_flow": as_uint16(backward, [backward.min(), backward.max()]),
        "depth": as_uint16(depth, depth_range),
        "normal": np.full((frames, SIDE, SIDE, 3), 32_768, np.uint16),
        "object_coordinates": np.zeros((frames, SIDE, SIDE, 3), np.uint16),
    }
    return values if variant == "movi_a" else {**values, "background": "a_field"}


def instance(variant, masks, number):
    frames = len(masks)
    seen = [t for t in range(frames) if (masks[t] == number).any()]
    values = {
        "mass": 1.0,
        "friction": 0.5,
        "restitution": 0.5,
        "positions": np.zeros((frames, 3), np.float32),
        "quaternions": np.zeros((frames, 4), np.float32),
        "velocities": np.zeros((frames, 3), np.float32),
        "angular_velocities": np.zeros((frames, 3), np.float32),
        "bboxes_3d": np.zeros((frames, 8, 3), np.float32),
        "image_positions": np.zeros((frames, 2), np.float32),
        "bboxes": [box(masks[t, ..., 0] == number) for t in seen],
        "bbox_frames": np.array(seen, np.uint16),
        "visibility": (masks == number).sum(axis=(1, 2, 3)).astype(np.uint16),
    }
    if variant == "movi_a":
        colour = {"color": np.ones(3, np.float32), "color_label": "brown"}
        return values | colour | {"shape_label": SHAPES[number % 3], "size_label": 0, "material_label": 1}
    kind = {"asset_id": f"thing_{number}", "category": CATEGORIES[5 * number % 17]}
    return values | kind | {"scale": 1.5, "is_dynamic": number == 1}


def box(inside):
    """As Kubric's `compute_bboxes`: the far sides one pixel beyond the last."""
    import tensorflow_datasets as tfds

    rows, columns = np.nonzero(inside)
    sides = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    return tfds.features.BBox(*(float(side / SIDE) for side in sides))


def collision(frame):
    three = np.zeros(3, np.float32)
    return {
        "instances": np.array([0, 65_535], np.uint16),
        "frame": frame,
        "force": 2.0,
        "position": three,
        "image_position": np.zeros(2, np.float32),
        "contact_normal": three,
    }


def as_uint16(values, limits):
    low, high = limits
    return np.round((values - low) / (high - low) * 65_535).astype(np.uint16)


if __name__ == "__main__":
    main()
