"""What the host of the repository reads (.github) is valid, and names only what there is."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(file for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config")
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [ROOT / ".github/ISSUE_TEMPLATE/config.yml"]),
    ],
)
def test_files_follow_their_schema(schema: str, files: list[Path]) -> None:
    assert files
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_little_waits_for_what_there_is_and_runs_what_there_is(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}, "more is a job's own affair"
    assert "secrets." not in file.read_text()
    jobs = workflow["jobs"]
    for name, job in jobs.items():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(jobs), name
        assert job["timeout-minutes"] <= 120, name
        for step in job["steps"]:
            assert re.search(r"@(v\d+|release/v\d+|[0-9a-f]{40})$", step.get("uses", "x@v1")), step
            run = step.get("run", "")
            for target in re.findall(r"\bmake (\w+)", run):
                assert target in TARGETS, run
            for script in re.findall(r"^(\.ci/\w+)", run, flags=re.MULTILINE):
                assert (ROOT / script).exists(), run


def test_nothing_is_published_that_was_not_tested_and_installed() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert set(jobs["publish"]["needs"]) == {"build", "test", "installed"}
    assert [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]


def test_the_versions_that_a_release_compares_are_the_same() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


def test_tools_of_pre_commit_are_installed_with_dev() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    there = {re.split(r"[^\w-]", need)[0] for name in ("dev", "docs") for need in extras[name]}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        tool = hook["entry"].split()[0].replace("lint-imports", "import-linter")
        assert tool in there, hook["id"]


def test_commands_of_the_contribution_guide_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\bmake (\w+)", text)) <= TARGETS
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (ROOT / link).exists(), link
    for path in re.findall(r"`((?:docs|tests|benchmarks)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
