"""A server in this process around a model of colours: every answer can be told from others."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import uvicorn

from dias.serving import Objects, ServingConfig, create_app


class ByColour:
    """One object a picture, its vector the picture's first pixel; `hold` keeps it from answering."""

    name = "colours"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        self.failing = False

    def __call__(self, images: Sequence[np.ndarray]) -> list[Objects]:
        self.batches.append(len(images))
        assert self.hold.wait(20)
        if self.failing:
            raise RuntimeError("secret path /home/somebody")
        return [
            Objects(
                labels=np.zeros(image.shape[:2], dtype=np.int32),
                slots=image[0, :1].astype(np.float32),
                slot_indices=np.array([3]),
                areas=np.array([image.shape[0] * image.shape[1]]),
                boxes=np.array([[0.0, 0.0, 1.0, 1.0]]),
            )
            for image in images
        ]


@contextmanager
def served(engine: ByColour, config: ServingConfig) -> Iterator[str]:
    """The server's address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(engine, config), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        engine.hold.set()
        server.should_exit = True
        thread.join(20)
        listening.close()
