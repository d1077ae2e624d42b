"""dias data pack."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Exit, Option

from dias.cli.options import DataSettings


def pack(
    data: Annotated[
        Path,
        Argument(
            metavar="SRC", help="A data set (its training split, if --data-set split=... names no other)."
        ),
    ],
    out: Annotated[Path, Argument(metavar="DST", help="The pack's folder; a stopped one goes on there.")],
    data_set: DataSettings = None,
    size: Annotated[
        int | None,
        Option(min=16, help="Store pictures with a longer short side reduced to it, as JPEG: a loss."),
    ] = None,
    quality: Annotated[int, Option(min=1, max=100, help="Of the JPEGs that --size makes.")] = 90,
    per_shard: Annotated[int, Option(min=1, help="Pictures a shard.")] = 256,
    workers: Annotated[int | None, Option(min=1, help="Processes; one a core if not given.")] = None,
    bad_images: Annotated[
        Literal["stop", "skip"], Option(help="At an unreadable picture: stop, or leave it out and list it.")
    ] = "stop",
) -> None:
    """Pack a data set into a few large files, to train on from a disk or from object storage.

    Everything is kept as it is, labels included, unless --size is given; clips are packed as their frames.

    Example: `dias data pack ~/coco packs/coco`, then `dias train coco --data packs/coco`.
    """
    import sys

    from dias.config import to_dict
    from dias.data.frames import images_of
    from dias.data.packing import PackSettings
    from dias.data.packing import pack as write
    from dias.data.parallel import default_workers
    from dias.data.sources import config_for
    from dias.data.sources.wording import in_words

    config = config_for(data, use="train", settings=data_set or [])
    source = images_of(config.build())
    print(in_words(config, source), file=sys.stderr)
    try:
        made = write(
            source,
            out,
            PackSettings(per_shard=per_shard, size=size, quality=quality),
            origin=to_dict(config),
            workers=workers or default_workers(),
            bad_images=bad_images,
        )
    except KeyboardInterrupt:
        print(f"dias: stopped; finished shards are kept in {out}: run it again to go on", file=sys.stderr)
        raise Exit(130) from None
    for one in made.left_out:
        print(f"left out, unreadable: {one.name}: {one.reason}")
    print(
        f"{out}: {made.count - len(made.left_out)} pictures in {len(made.shards)} shards, "
        f"{made.bytes / 1e9:.2f} GB"
    )
