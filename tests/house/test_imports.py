import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_imports_go_down() -> None:
    """The contracts in pyproject.toml; what breaks one is listed with file and line."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_is_quick_and_light() -> None:
    """`import dias` must not bring torch; `dias --help` must not either."""
    for line in ("import dias", "import dias.cli.main"):
        heavy = "('torch', 'lightning', 'transformers')"
        code = f"import sys; {line}; print([m for m in {heavy} if m in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", line


def test_no_file_is_too_long_to_live_in() -> None:
    long = {
        str(file.relative_to(ROOT)): count
        for file in (ROOT / "src").rglob("*.py")
        if (count := len(file.read_text().splitlines())) > 300
    }
    assert not long
