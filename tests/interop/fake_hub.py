"""As much of Hugging Face's hub as one push and one fetch ask of it, on this machine."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "f" * 40


class Hub(ThreadingHTTPServer):
    """Repositories as dicts of files; what was asked, in its order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.refuses = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def do_POST(self) -> None:
        content = self._body()
        path = self._path()
        if self.server.refuses:
            return self._json({"error": "no such right"}, status=403)
        if path == "/api/repos/create":
            asked = json.loads(content)
            name = "/".join(part for part in (asked.get("organization"), asked["name"]) if part)
            self.server.files.setdefault(name, {})
            return self._json({"url": f"{self.server.address}/{name}", "name": name})
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        name = "/".join(path.split("/")[3:5])
        if "/preupload/" in path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(content)["files"]
            ]
            return self._json({"files": files})
        if "/commit/" in path:
            for line in content.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    value = entry["value"]
                    self.server.files[name][value["path"]] = base64.b64decode(value["content"])
            url = f"{self.server.address}/{name}/commit/{COMMIT}"
            return self._json({"commitUrl": url, "commitOid": COMMIT, "success": True})
        return self._json({"error": "unknown"}, status=404)

    def _serve(self, *, body: bool) -> None:
        path = self._path()
        parts = path.strip("/").split("/")
        if path == "/":
            return self._send(b"a hub", body=body)
        if parts[0] == "api":
            name = "/".join(parts[2:4])
            if name not in self.server.files:
                return self._json({"error": "Repository not found"}, status=404, kind="RepoNotFound")
            files = self.server.files[name]
            if "tree" in parts:
                tree = [
                    {"type": "file", "path": file, "size": len(content), "oid": _hash(content)}
                    for file, content in files.items()
                ]
                return self._json(tree)
            siblings = [{"rfilename": file} for file in files]
            return self._json({"id": name, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []})
        name, file = "/".join(parts[:2]), "/".join(parts[4:])
        content = self.server.files.get(name, {}).get(file)
        if content is None:
            return self._json({"error": "Entry not found"}, status=404, kind="EntryNotFound")
        return self._send(content, body=body, ETag=f'"{_hash(content)}"', **{"X-Repo-Commit": COMMIT})

    def _path(self) -> str:
        path = self.path.split("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        return path

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline().strip(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _json(self, value: Any, *, status: int = 200, kind: str | None = None) -> None:
        more = {"X-Error-Code": kind} if kind else {}
        self._send(
            json.dumps(value).encode(), body=self.command != "HEAD", status=status,
            **{"Content-Type": "application/json"}, **more,
        )  # fmt: skip

    def _send(self, content: bytes, *, body: bool, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


def _hash(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
