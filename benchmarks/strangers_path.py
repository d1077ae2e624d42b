"""A stranger's path, timed: install, segment an own photo, train on an own folder, open the page.

python benchmarks/strangers_path.py --folder ../stranger [--photo FILE] [--pictures FOLDER] [--steps 500]

Needs Python alone: the package is installed into a new environment in a new folder, from this checkout, and
DIAS_CACHE lies there too, so weights are fetched as for the first time (pip's own cache is used unless
--no-pip-cache). Every step is a command of its own, with its seconds on the clock; a server counts until
it first answers, and is then stopped. Without --pictures 200 of data/scenes/train are the own folder,
without --photo a photograph that scikit-image ships is the own photo. The result is
benchmarks/results/strangers-path.json; the first step that fails ends it.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
COUNT = 200
_PATIENCE = 300  # seconds for a server's first answer
_SAMPLE = (
    "from skimage.data import chelsea; from PIL import Image; Image.fromarray(chelsea()).save('photo.jpg')"
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command, and the address whose answer ends it, if it would not end by itself."""

    title: str
    words: tuple[str, ...]
    answers: str | None = None


def main() -> None:
    """Walk the path, save what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a new one, or an empty one")
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--steps", type=int, default=500, help="of the training")
    parser.add_argument("--port", type=int, default=8765, help="of the servers, and the one after it")
    parser.add_argument("--no-pip-cache", action="store_true")
    parser.add_argument("--out", type=Path, default=HOME / "benchmarks" / "results" / "strangers-path.json")
    given = parser.parse_args()
    folder: Path = given.folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        parser.error(f"{folder} is not empty")
    pictures = own_things(folder, given.photo, given.pictures)
    surroundings = environment(folder, no_pip_cache=given.no_pip_cache)
    rows = []
    for step in steps(
        folder, surroundings, photo=given.photo is not None, steps=given.steps, port=given.port
    ):
        print(f"{step.title}: {shlex.join(step.words)}", flush=True)
        seconds = walked(step, folder, surroundings)
        rows.append({"step": step.title, "command": f"`{told(step.words, folder)}`", "s": f"{seconds:.1f}"})
        print(f"  {seconds:.1f} s", flush=True)
    about = f"{pictures} own pictures, {given.steps} steps of training; seconds on the clock"
    total = sum(float(row["s"]) for row in rows)
    rows.append({"step": "all of it", "command": "", "s": f"{total:.1f}"})
    save(given.out, rows, folder, surroundings, about=about)


def own_things(folder: Path, photo: Path | None, pictures: Path | None) -> int:
    """What a stranger has before: a folder of pictures, and perhaps a photo; says how many pictures."""
    own = folder / "pictures"
    own.mkdir(parents=True)
    source = pictures or HOME / "data" / "scenes" / "train" / "images"
    files = sorted(file for file in source.iterdir() if file.is_file())[:COUNT]
    for file in files:
        shutil.copy(file, own / file.name)
    if photo is not None:
        shutil.copy(photo, folder / "photo.jpg")
    return len(files)


def environment(folder: Path, *, no_pip_cache: bool) -> dict[str, str]:
    """The variables of every step: nothing of the caller's Python, no cache of this package."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    kept |= {"DIAS_CACHE": str(folder / "cache"), "PATH": f"{folder / 'venv' / 'bin'}:{kept['PATH']}"}
    return kept | ({"PIP_NO_CACHE_DIR": "1"} if no_pip_cache else {})


def steps(
    folder: Path, surroundings: dict[str, str], *, photo: bool, steps: int, port: int
) -> Iterator[Step]:
    """One after the other: whether there is a page to open is known once the package is installed."""
    wanted = [extra for extra in ("offline", "compare", "serve", "app") if extra in _extras()]
    package = f"{HOME}[{','.join(wanted)}]"
    picture = "photo.jpg"
    yield Step(title="a new environment", words=(sys.executable, "-m", "venv", "venv"))
    yield Step(title="install", words=("pip", "install", "--quiet", "-c", f"{HOME}/constraints.txt", package))
    if not photo:
        subprocess.run(("python", "-c", _SAMPLE), cwd=folder, env=surroundings, check=True)
    yield Step(title="an own photo, weights fetched", words=("dias", "segment", picture, "--out", "first"))
    yield Step(title="the same again", words=("dias", "segment", picture, "--out", "again"))
    yield Step(
        title="with finer edges", words=("dias", "segment", picture, "--out", "fine", "--quality", "fine")
    )
    yield Step(
        title="features of an own folder",
        words=("dias", "cache", "pictures", "features", "--views", "2", "--size", "224"),
    )
    train = ("dias", "train", "scenes-cpu", "--data", "pictures", "--cache", "features", "--out", "run")
    few = ("--set", f"training.steps={steps}", "--set", f"training.validate_every={steps}")
    yield Step(title="train on it", words=(*train, *few))
    yield Step(title="masks by one's own model", words=("dias", "segment", "run", "pictures", "--out", "own"))
    where = f"http://127.0.0.1:{port}"
    yield Step(
        title="an endpoint, until it answers",
        words=("dias", "serve", "run", "--port", str(port)),
        answers=f"{where}/ready",
    )
    if _there_is("app", folder, surroundings):
        yield Step(
            title="the page, until it answers",
            words=("dias", "app", "--port", str(port + 1)),
            answers=f"http://127.0.0.1:{port + 1}/",
        )


def walked(step: Step, folder: Path, surroundings: dict[str, str]) -> float:
    """Seconds that it took.

    Raises:
        SystemExit: it failed; its last lines are printed.
    """
    start = time.perf_counter()
    log = folder / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            step.words, cwd=folder, env=surroundings, stdout=stream, stderr=subprocess.STDOUT
        )
        if step.answers is None:
            failed = process.wait() != 0
        else:
            failed = not _answers(step.answers, process)
            seconds = time.perf_counter() - start
            process.terminate()
            process.wait()
    if failed:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SystemExit(f"{step.title}: failed\n{tail}")
    return seconds if step.answers is not None else time.perf_counter() - start


def save(
    out: Path, rows: list[dict[str, str]], folder: Path, surroundings: dict[str, str], *, about: str
) -> None:
    """Write the result; the installed package says where it ran, this checkout of which revision."""
    ask = "import json; from dias.provenance import record; print(json.dumps(record().to_dict()))"
    asked = subprocess.run(
        ("python", "-c", ask), cwd=folder, env=surroundings, capture_output=True, text=True, check=True
    )
    origin = json.loads(asked.stdout)
    revision = subprocess.run(
        ("git", "-C", HOME, "rev-parse", "HEAD"), capture_output=True, text=True, check=False
    ).stdout.strip()
    origin["revision"] = revision or "unknown"
    origin["command"] = told([Path(sys.argv[0]).name, *sys.argv[1:]], folder)
    part = out.with_suffix(".part")
    part.write_text(
        json.dumps({"about": about, "rows": rows, "provenance": origin}, indent=2) + "\n", "utf-8"
    )
    part.replace(out)
    print(out)


def told(words: Sequence[str], folder: Path) -> str:
    """A command as others may read it: where things lie on this machine is left out."""
    places = {sys.executable: "python3", str(folder): "FOLDER", str(HOME): "CHECKOUT"}
    return shlex.join(_without_place(word, places) for word in words)


def _without_place(word: str, places: dict[str, str]) -> str:
    for place, name in places.items():
        word = word.replace(place, name)
    option, equals, value = word.rpartition("=")
    return option + equals + (Path(value).name if value.startswith("/") else value)


def _extras() -> dict[str, list[str]]:
    """Those that the package has, as its settings name them."""
    import tomllib

    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["optional-dependencies"]


def _there_is(verb: str, folder: Path, surroundings: dict[str, str]) -> bool:
    asked = subprocess.run(("dias", verb, "--help"), cwd=folder, env=surroundings, capture_output=True)
    return asked.returncode == 0


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the first answer; False when the server ends before, or takes too long."""
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


if __name__ == "__main__":
    main()
