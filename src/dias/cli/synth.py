"""dias synth."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

Out = Annotated[Path, Argument(help="The set's folder; a run that was stopped goes on there.")]
Seed = Annotated[int, Option(min=0, help="The same seed gives the same pixels.")]
Variant = Annotated[
    Literal["standard", "ood"], Option(help="ood: textures and shapes that the standard set has not.")
]
Size = Annotated[int, Option(min=16, help="Side in pixels.")]
Objects = Annotated[str, Option(help="Fewest and most objects in view, as MIN-MAX.")]
Format = Annotated[Literal["png", "webp", "jpg"], Option(help="Of the pictures; png is lossless.")]
Quality = Annotated[int, Option(min=1, max=100, help="Of webp and jpg.")]
Workers = Annotated[int | None, Option(min=1, help="Processes; one a core if not given.")]
Depth = Annotated[bool, Option(help="Also write depth (16-bit PNG, millimetres).")]

app = typer.Typer(help="Render data with ground truth.", no_args_is_help=True)


@app.callback()
def synth() -> None:
    """Render data with ground truth."""


@app.command()
def images(
    out: Out,
    count: Annotated[int, Option(min=1, help="Scenes to render.")],
    seed: Seed = 0,
    variant: Variant = "standard",
    size: Size = 224,
    objects: Objects = "3-8",
    format: Format = "png",
    quality: Quality = 90,
    workers: Workers = None,
    depth: Depth = True,
) -> None:
    """Render scenes of textured objects with masks, boxes, classes and depth."""
    from dias.data.parallel import default_workers
    from dias.data.synthetic.dataset import SceneSettings, write_scenes

    settings = SceneSettings(
        count=count,
        seed=seed,
        variant=variant,
        size=size,
        objects=_range(objects),
        format=format,
        quality=quality,
        depth=depth,
    )
    write_scenes(out, settings, workers=workers or default_workers())
    print(f"{out}: {count} scenes")


@app.command()
def videos(
    out: Out,
    count: Annotated[int, Option(min=1, help="Clips to render.")],
    seed: Seed = 0,
    variant: Variant = "standard",
    size: Size = 224,
    frames: Annotated[int, Option(min=1, max=10_000, help="Of a clip.")] = 24,
    rate: Annotated[float, Option(min=1, max=240, help="Frames a second.")] = 12.0,
    objects: Objects = "3-8",
    camera: Annotated[
        Literal["still", "moving"], Option(help="moving: around the scene, nearer or farther, as in MOVi-E.")
    ] = "still",
    script: Annotated[
        Literal["crossing", "enter-leave", "behind"] | None,
        Option(
            help="What happens, instead of physics: to test tracks with (objects, camera: of the script)."
        ),
    ] = None,
    format: Format = "png",
    quality: Quality = 90,
    workers: Workers = None,
    depth: Depth = True,
    flow: Annotated[bool, Option(help="Also write optical flow (16-bit PNG).")] = True,
) -> None:
    """Render clips of textured objects that fall, roll and collide, with everything that is known of them."""
    from dias.data.parallel import default_workers
    from dias.data.synthetic.clips import ClipSettings, write_clips

    settings = ClipSettings(
        count=count,
        seed=seed,
        variant=variant,
        size=size,
        frames=frames,
        rate=rate,
        objects=_range(objects),
        camera=camera,
        script=script,
        format=format,
        quality=quality,
        depth=depth,
        flow=flow,
    )
    write_clips(out, settings, workers=workers or default_workers())
    print(f"{out}: {count} clips of {frames} frames")


@app.command()
def clevrer(
    out: Out,
    clips: Annotated[int, Option(min=1, max=10_000, help="Videos of the training split.")],
    validation: Annotated[int, Option(min=0, max=5_000, help="Videos of the validation split.")] = 0,
    seed: Annotated[int, Option(min=0, help="The same seed gives the same files.")] = 0,
    frames: Annotated[int, Option(min=16, max=1024, help="Of a video, in its 5.12 seconds.")] = 128,
    size: Annotated[str, Option(help="Of the pictures, as WIDTHxHEIGHT, 3 to 2.")] = "480x320",
    objects: Annotated[str, Option(help="Fewest and most objects, as MIN-MAX.")] = "4-6",
    workers: Workers = None,
    render: Annotated[
        bool, Option("--render/--no-frames", help="no-frames: annotations and questions alone.")
    ] = True,
) -> None:
    """Simulate videos of colliding objects, with annotations, questions and programs in CLEVRER's files."""
    from dias.data.parallel import default_workers
    from dias.data.synthetic.clevrer.writing import ClevrerSettings, write_clevrer

    settings = ClevrerSettings(
        clips=clips,
        validation=validation,
        seed=seed,
        frames=frames,
        size=_size(size),
        objects=_range(objects, least=3, most=10, such="4-6"),
        render=render,
    )
    write_clevrer(out, settings, workers=workers or default_workers())
    print(f"{out}: {clips} + {validation} videos of {frames} frames, with questions")


def _size(size: str) -> tuple[int, int]:
    """WIDTHxHEIGHT as numbers."""
    from dias.errors import DiasError

    width, _, height = size.partition("x")
    if width.isdigit() and height.isdigit():
        w, h = int(width), int(height)
        if 2 * w == 3 * h and not h % 2 and not w % 2 and 32 <= h <= 1080:
            return w, h
    raise DiasError(f"--size {size}: expected even WIDTHxHEIGHT, 3 to 2, such as 480x320 or 192x128")


def _range(objects: str, *, least: int = 1, most: int = 24, such: str = "3-8") -> tuple[int, int]:
    """MIN-MAX as numbers."""
    from dias.errors import DiasError

    low, _, high = objects.partition("-")
    if not (low.isdigit() and high.isdigit() and least <= int(low) <= int(high) <= most):
        expected = f"MIN-MAX with {least} <= MIN <= MAX <= {most}, such as {such}"
        raise DiasError(f"--objects {objects}: expected {expected}")
    return int(low), int(high)
