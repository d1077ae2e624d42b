"""A pack in S3, or in what speaks like it; boto3 finds keys, region and endpoint as it does everywhere.

boto3 and not a faster library, because the processes that read are forked: clients that run threads of their
own (obstore, s3fs) hang in them.
"""

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from dias.errors import DiasError, FileError, SampleError, how_to_install

SCHEME = "s3://"
_PIECE = 1 << 20
_TRIES = 3

T = TypeVar("T")


class Bucket:
    """A pack below a prefix in a bucket."""

    def __init__(self, address: str) -> None:
        """`s3://bucket/prefix`."""
        self.bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
        self.prefix = prefix.strip("/")
        if not self.bucket:
            raise DiasError(f"{address}: names no bucket; expected s3://BUCKET/PREFIX")

    def where(self, name: str) -> str:
        """Address of a file."""
        return f"{SCHEME}{self.bucket}/{self._key(name)}"

    def get(self, name: str) -> bytes:
        """A whole small file."""
        return self._tried(name, lambda: bytes(self._body(name).read()))

    def read(self, name: str, start: int, length: int) -> bytes:
        """A part of a file, in one request."""
        span = f"bytes={start}-{start + length - 1}"
        content = self._tried(name, lambda: bytes(self._body(name, Range=span).read()))
        if len(content) != length:
            raise SampleError(
                self.where(name), f"ends within the sample at byte {start}: truncated", do="upload it again"
            )
        return content

    def pieces(self, name: str) -> Iterator[bytes]:
        """A whole large file, piece by piece; what breaks off goes on where it was."""
        done, tries = 0, _TRIES
        while True:
            try:
                more = {"Range": f"bytes={done}-"} if done else {}
                for piece in self._body(name, **more).iter_chunks(_PIECE):
                    done += len(piece)
                    yield piece
                return
            except _failures() as error:
                tries -= 1
                if not tries or _status(error) is not None:
                    raise self._cannot(name, error) from None

    def _body(self, name: str, **more: str) -> Any:
        return _client(os.getpid()).get_object(Bucket=self.bucket, Key=self._key(name), **more)["Body"]

    def _tried(self, name: str, read: Callable[[], T]) -> T:
        """Again when the connection breaks in the middle; boto3 itself tries again only up to the headers."""
        for attempt in range(_TRIES):
            try:
                return read()
            except _failures() as error:
                if _status(error) is not None or attempt == _TRIES - 1:
                    raise self._cannot(name, error) from None
        raise AssertionError

    def _cannot(self, name: str, error: Exception) -> FileError:
        status = _status(error)
        if status == 416:
            return SampleError(self.where(name), "ends before a sample: truncated", do="upload it again")
        if status == 404:
            return FileError(self.where(name), "does not exist", do="check address and AWS_ENDPOINT_URL")
        reason = " ".join(str(error).split())
        return FileError(self.where(name), f"cannot be read ({reason})", do="check network, region and keys")

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


@lru_cache(maxsize=1)
def _client(process: int) -> Any:
    """A client for each process: connections must not be shared with those forked from it."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise DiasError(
            f"reading from s3:// needs boto3, which is not installed; run: {how_to_install('stream')}"
        ) from None
    retries = {"mode": "standard", "total_max_attempts": 5}
    config = Config(retries=retries, connect_timeout=10, read_timeout=60, max_pool_connections=32)
    return boto3.session.Session().client("s3", config=config)


def _failures() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _status(error: Exception) -> int | None:
    """HTTP status of the server's refusal; None: there was no answer, or it broke off."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return int(status) if status is not None else None
