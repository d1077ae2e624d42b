import io
import struct
import time
import zlib
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image
from serving_by_colour import ByColour, served

from dias.masks.rle import decode
from dias.serving import ServingConfig

LIMITS = ServingConfig(batch=4, wait=0.05, waiting=8, images=3, bytes=200_000, pixels=10_000, seconds=5)


def picture(colour: int, *, size: tuple[int, int] = (12, 10), kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((*size, 3), colour, dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels in its header, and hardly a byte."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def post(address: str, *contents: bytes, **query: object) -> httpx.Response:
    files = [("images", ("x.png", content, "image/png")) for content in contents]
    return httpx.post(f"{address}/segment", files=files, params=query, timeout=20)


@pytest.fixture(scope="module")
def engine() -> ByColour:
    return ByColour()


@pytest.fixture(scope="module")
def address(engine: ByColour) -> Iterator[str]:
    with served(engine, LIMITS) as address:
        yield address


def wait_for(what: object) -> None:
    until = time.monotonic() + 10
    while not what() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.01)
    assert what()  # type: ignore[operator]


def test_masks_boxes_and_slots_come_back(address: str) -> None:
    said = post(address, picture(7), picture(9, size=(5, 6), kind="JPEG"), slots="true").json()
    assert said["model"] == "colours"
    one, other = said["pictures"]
    assert (one["height"], one["width"], other["height"], other["width"]) == (12, 10, 5, 6)
    found = one["objects"][0]
    assert (found["slot"], found["area"], found["box"]) == (3, 120, [0, 0, 10, 12])
    assert found["vector"] == [7.0, 7.0, 7.0]
    assert decode(found["mask"]).all()
    assert decode(found["mask"]).shape == (12, 10)
    without = post(address, picture(7), masks="png").json()["pictures"][0]
    assert without["objects"][0]["vector"] is None
    assert without["objects"][0]["mask"] is None
    labels = np.asarray(Image.open(io.BytesIO(b64decode(without["labels"]))))
    np.testing.assert_array_equal(labels, np.zeros((12, 10)))


def test_requests_at_once_get_their_own_answers_and_share_batches(engine: ByColour, address: str) -> None:
    before = len(engine.batches)
    engine.hold.clear()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(post, address, picture(colour), slots="true") for colour in range(8)]
        wait_for(lambda: len(engine.batches) > before)
        time.sleep(0.3)  # the others come in while the first batch computes
        engine.hold.set()
        colours = [one.result().json()["pictures"][0]["objects"][0]["vector"][0] for one in waiting]
    assert colours == list(range(8))
    batches = engine.batches[before:]
    assert sum(batches) == 8
    assert len(batches) <= 4
    assert max(batches) <= LIMITS.batch


def test_a_full_house_says_so(engine: ByColour, address: str) -> None:
    before = len(engine.batches)
    engine.hold.clear()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(post, address, *[picture(1)] * 3) for _ in range(2)]
        wait_for(lambda: len(engine.batches) > before)
        wait_for(lambda: "dias_pictures_waiting 6.0" in httpx.get(f"{address}/metrics").text)
        refused = post(address, *[picture(1)] * 3)
        engine.hold.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["detail"] == "8 pictures are waiting; try again in a second"


def test_an_answer_that_takes_too_long_is_given_up_and_the_next_one_comes(engine: ByColour) -> None:
    with served(slow := ByColour(), ServingConfig(seconds=0.3)) as address:
        slow.hold.clear()
        late = post(address, picture(1))
        slow.hold.set()
        assert (late.status_code, late.json()["detail"]) == (
            504,
            "no answer within 0.3 seconds; try again later",
        )
        assert post(address, picture(2)).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "line"),
    [
        (b"", 400, "picture 0: is empty (0 bytes); copy or download it again"),
        (b"hello", 400, "picture 0: is no picture that can be read"),
        (picture(3, size=(90, 90))[:60], 400, "picture 0: is damaged or truncated"),
        (picture(3, size=(1, 1)), 400, "picture 0: is 1 x 1 pixels, expected at least 2 a side"),
        (picture(3, size=(101, 100)), 413, "picture 0: is 100 x 101 pixels; at most 10,000 are taken"),
        (bomb(), 400, "picture 0: "),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 400, "picture 0: is no picture"),
        (bytes(200_001), 413, "a request may have 200,000 bytes; send fewer pictures"),
    ],
    ids=["empty", "text", "truncated", "tiny", "large", "bomb", "program", "bytes"],
)
def test_what_is_no_picture_is_refused_in_one_line(
    address: str, content: bytes, status: int, line: str
) -> None:
    said = post(address, content)
    assert said.status_code in ((400, 413) if content == bomb() else (status,)), said.text
    assert said.json()["detail"].startswith(line)
    assert "\n" not in said.json()["detail"]


def test_a_body_without_a_length_is_cut_off_while_it_arrives(address: str) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\ncontent-disposition: form-data; name="images"; filename="a"\r\n\r\n'
        for _ in range(5000):
            sent += 10_000
            yield bytes(10_000)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    try:
        said = httpx.post(f"{address}/segment", content=endless(), headers=headers, timeout=20)
        assert said.status_code == 413
    except (httpx.WriteError, httpx.RemoteProtocolError):
        pass  # the connection was closed in its face
    assert sent < 50_000_000


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    def slow() -> Iterator[bytes]:
        yield b"--x\r\n"
        time.sleep(1)
        yield b"--x--"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    with served(ByColour(), ServingConfig(upload_seconds=0.2)) as address:
        try:
            said = httpx.post(f"{address}/segment", content=slow(), headers=headers, timeout=20)
            assert said.status_code == 408
        except (httpx.WriteError, httpx.RemoteProtocolError):
            pass


def test_wrong_requests_are_told_in_one_line(address: str) -> None:
    assert post(address).json()["detail"] == "body.images: Field required"
    assert post(address, picture(1), masks="gif").json()["detail"].startswith("query.masks: Input should be")
    many = post(address, *[picture(1)] * 4)
    assert (many.status_code, many.json()["detail"]) == (
        413,
        "4 pictures in a request; at most 3 are taken",
    )


def test_a_fault_of_the_model_tells_nothing_and_the_server_goes_on(engine: ByColour, address: str) -> None:
    engine.failing = True
    said = post(address, picture(1))
    engine.failing = False
    assert said.status_code == 500
    assert "secret" not in said.text
    assert post(address, picture(1)).status_code == 200


def test_health_readiness_and_metrics(address: str) -> None:
    assert httpx.get(f"{address}/health").json() == {"status": "alive"}
    assert httpx.get(f"{address}/ready").json() == {"status": "ready"}
    post(address, picture(1))
    httpx.get(f"{address}/anything/else")
    told = httpx.get(f"{address}/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'dias_requests_total{path="/segment",status="200"}' in told.text
    assert 'dias_requests_total{path="other",status="404"} 1.0' in told.text
    assert "anything" not in told.text
    assert "dias_batch_pictures_bucket" in told.text


def test_what_is_in_flight_is_answered_when_the_server_stops() -> None:
    engine = ByColour()
    with ThreadPoolExecutor(2) as pool:
        with served(engine, LIMITS) as address:
            engine.hold.clear()
            waiting = [pool.submit(post, address, picture(colour), slots="true") for colour in (4, 5)]
            wait_for(lambda: bool(engine.batches))
        colours = {one.result().json()["pictures"][0]["objects"][0]["vector"][0] for one in waiting}
    assert colours == {4.0, 5.0}
