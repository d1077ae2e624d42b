"""The endpoints."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, File, Query, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from dias.serving.answers import Answer, MaskFormat, Problem, State, answer_of
from dias.serving.batching import Batcher, FullError
from dias.serving.engine import Engine
from dias.serving.limits import Counted, Limits
from dias.serving.metrics import Metrics
from dias.serving.pictures import Refused, read_upload
from dias.serving.settings import ServingConfig

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "A picture cannot be read, or the form is broken."},
    408: {"model": Problem, "description": "The request took too long to arrive."},
    413: {"model": Problem, "description": "Too many bytes, pixels or pictures."},
    422: {"model": Problem, "description": "A parameter is wrong, or there is no picture."},
    503: {"model": Problem, "description": "As many pictures as can wait are waiting."},
    504: {"model": Problem, "description": "The answer took too long."},
}
_ABOUT = "Pictures into objects: masks, boxes and slot vectors, without labels."


def create_app(engine: Engine, config: ServingConfig | None = None) -> FastAPI:
    """The server's application, around a model that is loaded.

    Args:
        engine: answers.
        config: limits; their defaults when None.
    """
    config, metrics = config or ServingConfig(), Metrics()
    batcher = Batcher(engine, config, metrics)

    @asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await batcher.stop()

    app = FastAPI(title="DIAS", version="1", description=_ABOUT, lifespan=alive)
    app.state.batcher = batcher
    _add_segment(app, batcher, config)
    _add_state(app, batcher, metrics)
    _add_problems(app)
    known = {"/segment", "/health", "/ready", "/metrics", "/openapi.json", "/docs"}
    too_much = f"a request may have {config.bytes:,} bytes; send fewer pictures"
    app.add_middleware(Limits, bytes=config.bytes, seconds=config.upload_seconds, too_much=too_much)
    app.add_middleware(Counted, metrics=metrics, paths=lambda: known)
    return app


def _add_segment(app: FastAPI, batcher: Batcher, config: ServingConfig) -> None:
    @app.post("/segment", responses=_PROBLEMS)
    async def segment(
        images: Annotated[list[UploadFile], File(description="One or more pictures, of any usual format.")],
        masks: Annotated[
            MaskFormat, Query(description="Run lengths of each object, or one PNG of labels.")
        ] = "rle",
        slots: Annotated[bool, Query(description="Also give each object's vector.")] = False,
    ) -> Answer:
        """Find the objects of pictures."""
        if len(images) > config.images:
            raise Refused(413, f"{len(images)} pictures in a request; at most {config.images} are taken")

        async def answered() -> Answer:
            with batcher.places(len(images)):
                pictures = [
                    await run_in_threadpool(
                        read_upload, await one.read(), number=number, pixels=config.pixels
                    )
                    for number, one in enumerate(images)
                ]
                found = await batcher(pictures)
                shown = [await run_in_threadpool(answer_of, one, masks=masks, slots=slots) for one in found]
            return Answer(model=batcher.engine.name, pictures=shown)

        try:
            return await asyncio.wait_for(answered(), timeout=config.seconds)
        except TimeoutError:
            raise Refused(504, f"no answer within {config.seconds:g} seconds; try again later") from None
        except FullError:
            raise Refused(503, f"{config.waiting} pictures are waiting; try again in a second") from None


def _add_state(app: FastAPI, batcher: Batcher, metrics: Metrics) -> None:
    @app.get("/health")
    async def health() -> State:
        """Whether the process lives."""
        return State(status="alive")

    @app.get("/ready", responses={503: {"model": State, "description": "It is starting or stopping."}})
    async def ready(response: Response) -> State:
        """Whether pictures are taken."""
        response.status_code = 200 if batcher.ready else 503
        return State(status="ready" if batcher.ready else "not ready")

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def tell() -> Response:
        """Counts for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _add_problems(app: FastAPI) -> None:
    """Every refusal is one line, in the shape of `Problem`."""

    @app.exception_handler(Refused)
    async def refused(_: Request, problem: Refused) -> JSONResponse:
        headers = {"Retry-After": "1"} if problem.status == 503 else None
        return JSONResponse({"detail": problem.line}, problem.status, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, problem: RequestValidationError) -> JSONResponse:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in problem.errors()
        ]
        return JSONResponse({"detail": "; ".join(faults[:3])}, 422)
