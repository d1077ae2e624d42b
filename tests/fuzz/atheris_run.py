"""Coverage-guided fuzzing of one kind of file: `python tests/fuzz/atheris_run.py KIND FOLDER SECONDS`.

libFuzzer prints and keeps the input of a finding, and ends with an exit code other than 0.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

import PIL.Image  # before: its own parsers are C or large, and not what is tested here
import torch  # noqa: F401

with atheris.instrument_imports(include=["dias.data", "dias.files", "dias.config", "dias.checkpoints"]):
    from fuzz.formats import FORMATS, LARGEST, try_reading


def main() -> None:
    """Fuzz for some seconds, from a whole file on."""
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    PIL.Image.init()
    around, corpus = folder / "around", folder / "corpus"
    around.mkdir(parents=True)
    corpus.mkdir()
    kind = FORMATS[name]
    file = kind.prepare(around)
    (corpus / "whole").write_bytes(file.read_bytes())
    flags = [
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=4096",
        f"-max_len={LARGEST}",
        "-seed=1",
    ]
    flags += ["-print_final_stats=1", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], lambda text: try_reading(kind, file, text))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
