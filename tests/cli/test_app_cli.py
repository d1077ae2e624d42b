import importlib.util
import socket
from pathlib import Path

import pytest

from dias.cli.app import app
from dias.errors import CheckpointError, DiasError
from dias.serving.listening import listening


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors"):
        app(tmp_path / "nothing.safetensors")
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gradio" else known(name))
    with pytest.raises(DiasError, match=r"gradio is not installed; run: pip install 'dias-ocl\[app\]'"):
        app()


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(DiasError, match=f"cannot listen on 127.0.0.1 port {port} .*take another --port"),
            listening("127.0.0.1", port, verb="app"),
        ):
            pass
