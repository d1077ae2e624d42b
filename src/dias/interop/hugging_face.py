"""Models as Hugging Face's hub has them: a folder of config.json, model.safetensors and a card."""

import json
import re
from pathlib import Path
from typing import Any

from dias.errors import CheckpointError, DiasError, FileError
from dias.files import sha256, write_json, write_text
from dias.hub import hub_problem
from dias.interop.model_card import short_card
from dias.interop.stored import Stored, read_stored

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def save_folder(stored: Stored, folder: Path, *, card: str | None = None) -> Path:
    """Write a model as a folder that can be pushed as it is.

    `model.safetensors` is a checkpoint of our format and needs nothing else; `config.json` says the same in
    the open, and the SHA-256 of the weights.

    Args:
        stored: the model.
        folder: where to; the three files are replaced.
        card: text of README.md; a short one out of the header when None, unless there is one already.
    """
    file = folder / WEIGHTS
    stored.write(file)
    names = [name for name in stored.header if name != "format"]
    told = {name: stored.told(name) for name in names}
    config = {"library_name": "dias-ocl", "format": stored.header["format"], "sha256": sha256(file)} | told
    write_json(folder / CONFIG, config)
    if card is not None or not (folder / CARD).exists():
        write_text(folder / CARD, card or short_card(told))
    return folder


def checked(folder: Path) -> Path:
    """The weights of such a folder, if they are those that its config.json describes.

    A folder without config.json, such as a run's, is taken as it is.

    Raises:
        FileError: config.json is damaged, or tells of another file.
    """
    config, file = folder / CONFIG, folder / WEIGHTS
    if not (config.is_file() and file.is_file()):
        return folder
    told = _config(config)
    stored = read_stored(file).told("model")
    if told.get("sha256") not in (None, sha256(file)):
        raise FileError(file, f"is not the file that {CONFIG} tells of (SHA-256)", do="fetch both again")
    if told.get("model") != stored:
        raise FileError(
            config,
            f"has other settings than {WEIGHTS}, whose own count",
            do="change settings in code (dias.Dias.threshold) or train anew",
        )
    return file


def fetched(
    name: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Path:
    """The folder of a model of the hub, `owner/name`, in the hub's own cache: three files, no code.

    Args:
        name: of the model.
        revision: branch, tag or commit.
        token: of a private model; as `hf auth login` left it when None.
        cache_dir: the hub's cache.
        force_download: although it is there.
        local_files_only: do not ask the hub.

    Raises:
        DiasError: it is no such name, or the hub cannot be asked, or does not have it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if not _NAME.fullmatch(name):
        raise DiasError(f"model {name}: no such file or folder, nor a name of the hub (owner/name)")
    options: dict[str, Any] = {"revision": revision, "cache_dir": cache_dir, "token": token}
    options |= {"allow_patterns": [CONFIG, WEIGHTS, CARD]}
    problem = "the cache alone was asked" if local_files_only else hub_problem()
    try:
        if problem:
            return Path(snapshot_download(name, local_files_only=True, **options))
        return Path(snapshot_download(name, force_download=force_download, **options))
    except LocalEntryNotFoundError:
        raise DiasError(f"model {name}: no such file or folder, not in the hub's cache; {problem}") from None
    except HfHubHTTPError as error:
        raise DiasError(f"model {name}: {_first_line(error)}") from None


def push(
    folder: Path,
    name: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    message: str = "Push a model of DIAS",
) -> str:
    """Put a folder that `save_folder` wrote on the hub, in one commit; the model is made if there is none.

    Returns:
        Address of the commit.

    Raises:
        DiasError: the hub cannot be asked, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    problem = hub_problem()
    if problem:
        raise DiasError(f"push of {name}: {problem}")
    api = HfApi(token=token)
    try:
        made = api.create_repo(name, private=private, exist_ok=True)
        return str(
            api.upload_folder(
                repo_id=made.repo_id,
                folder_path=folder,
                commit_message=message,
                revision=revision,
                allow_patterns=[CONFIG, WEIGHTS, CARD],
            )
        )
    except (HfHubHTTPError, ValueError) as error:
        raise DiasError(f"push of {name}: {_first_line(error)}") from None


def _config(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(file, f"cannot be read ({error})", do="fetch it again") from None
    if not isinstance(told, dict) or "model" not in told:
        raise CheckpointError(file, "is no model of DIAS", do="give a folder that save_pretrained wrote")
    return told


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
