"""Made `clevrer/` beside this file: three small videos in CLEVRER's files, by `dias synth clevrer`.

python tests/miniatures/make_clevrer.py
"""

import shutil
from pathlib import Path

from dias.data.synthetic.clevrer.writing import ClevrerSettings, write_clevrer

HERE = Path(__file__).parent / "clevrer"
SETTINGS = ClevrerSettings(clips=2, validation=1, seed=3, frames=16, size=(96, 64))


def main() -> None:
    shutil.rmtree(HERE, ignore_errors=True)
    write_clevrer(HERE, SETTINGS, workers=1)
    (HERE / "clevrer.json").unlink()  # the published set has none


if __name__ == "__main__":
    main()
