"""The weights that ship: renders varied scenes, trains on them, measures, writes the model and its card.

python demo/pretrain.py --out runs/pretrain

Every step can be stopped: the same command goes on. Half of the pictures are rendered scenes of 1 to 12
objects, half the same objects on parts of photographs (four of those that scikit-image and scikit-learn ship;
three others are for testing).
"""

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from card import SETS, write_card
from run import dias

from dias.checkpoints import find
from dias.data.sources import open_source, pictures_at
from dias.data.synthetic.photographed import write_photographed
from dias.interop.hugging_face import save_folder
from dias.interop.stored import read_stored
from dias.training.saving import saved_step

SEEDS = {"train": 111, "val": 112, "test": 113, "ood": 114}
PHOTOS = {
    "train": ("astronaut", "coffee", "motorcycle_left", "china"),
    "test": ("chelsea", "rocket", "flower"),
}
SHOWN = ("--size", 224)  # as the scenes were rendered


def main() -> None:
    """Do what is not done yet."""
    given = arguments()
    out: Path = given.out
    counts = {"train": given.train, "val": given.val, "test": given.test, "ood": given.ood}
    for name, count in counts.items():
        kind = ("--variant", "ood" if name == "ood" else "standard", "--format", "webp", "--quality", 75)
        dias("synth", "images", out / name / "plain", "--count", count, "--seed", SEEDS[name],
             "--objects", "1-12", "--size", given.side, "--no-depth", *kind)  # fmt: skip
    plain = {"train": [out / "train" / "plain", *given.also]} | {
        name: [out / name / "plain"] for name in ("val", "test")
    }
    for name, folders in plain.items():
        photos = photographs(PHOTOS["test" if name == "test" else "train"])
        for number, folder in enumerate(folders):
            write_photographed(open_source(folder), photos, out / name / f"photos-{number}", seed=SEEDS[name])
    every = [*plain["train"], *sorted((out / "train").glob("photos-*"))]
    mixed(every, out / "sets" / "train", most=given.most)
    mixed([*plain["val"], out / "val" / "photos-0"], out / "sets" / "val", masks=True)
    model = train(out, views=given.views, changes=given.set or [])
    measured = {
        "in distribution": out / "test" / "plain",
        "out of distribution": out / "ood" / "plain",
        "photo backgrounds": out / "test" / "photos-0",
    }
    assert tuple(measured) == SETS
    for title, data in measured.items():
        for label, checkpoint in {"new": model, **({"old": given.beside} if given.beside else {})}.items():
            evaluate(checkpoint, data, out / "results" / f"{title.replace(' ', '-')}-{label}.json")
    publish(model, out)
    write_card(out, beside=given.beside, photos=PHOTOS)
    print(f"the model, its settings and its card: {out / 'model'}")


def arguments() -> argparse.Namespace:
    """What can be chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/pretrain"))
    parser.add_argument("--train", type=int, default=4000, help="scenes to train on")
    parser.add_argument("--val", type=int, default=64)
    parser.add_argument("--test", type=int, default=256, help="plain, and as many on photographs")
    parser.add_argument("--ood", type=int, default=256)
    parser.add_argument("--side", type=int, default=224, help="of the pictures, in pixels")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="rendered sets to train on beside")
    parser.add_argument("--most", type=int, help="pictures to train on of each set; all if not given")
    parser.add_argument("--views", type=int, default=2, help="cached views of a picture")
    parser.add_argument("--beside", type=Path, help="a checkpoint that is measured on the same sets")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="as of `dias train`")
    return parser.parse_args()


def photographs(names: Sequence[str]) -> dict:
    """Photos by their names."""
    every = pictures_at("photos")
    by_name = {Path(every.name(index)).stem: every[index].image for index in range(len(every))}
    return {name: by_name[name] for name in names}


def mixed(folders: Sequence[Path], out: Path, *, masks: bool = False, most: int | None = None) -> None:
    """The first pictures of several folders in one, as links where the disk has them; with masks if asked."""
    for part in ("images", "masks") if masks else ("images",):
        place = out / part if masks else out
        place.mkdir(parents=True, exist_ok=True)
        for number, folder in enumerate(folders):
            for file in sorted((folder / part).iterdir())[:most]:
                target = place / f"{number}-{file.name}"
                if not target.exists():
                    linked(file, target)


def linked(file: Path, target: Path) -> None:
    """A hard link, or a copy."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def train(out: Path, *, views: int, changes: Sequence[str]) -> Path:
    """Cache and train, or go on."""
    sets, run = out / "sets", out / "run"
    dias("cache", sets / "train", out / "cache", "--views", views)
    validation = {"path": sets / "val" / "images", "masks": sets / "val" / "masks"}
    words = [f"data.train.path={sets / 'train'}"]
    words += [f"data.validation.{name}={path}" for name, path in validation.items()]
    words += [f"data.cache={out / 'cache'}", *changes]
    more = ["--resume"] if saved_step(run) is not None else []
    dias("train", "pretrained", "--out", run, *(word for one in words for word in ("--set", one)), *more)
    return run


def evaluate(checkpoint: Path, data: Path, file: Path) -> None:
    """Measure, unless this very checkpoint has been."""
    from dias.evaluation.results import Results
    from dias.files import sha256

    wanted = sha256(find(checkpoint))
    if file.exists() and Results.load(file).evaluations[0].provenance["hashes"]["checkpoint"] == wanted:
        return
    dias("eval", checkpoint, data, *SHOWN, "--out", file)


def publish(run: Path, out: Path) -> None:
    """The best checkpoint in half precision, as a folder that Hugging Face's hub knows."""
    save_folder(read_stored(run).half(), out / "model")


if __name__ == "__main__":
    main()
