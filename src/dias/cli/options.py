"""Options that several verbs have."""

from typing import Annotated, Literal

from typer import Option

DataSettings = Annotated[
    list[str] | None,
    Option(
        "--data-set",
        help="KEY=VALUE for a setting of the data set, e.g. split=val2017; may be given again.",
        metavar="KEY=VALUE",
    ),
]

MergeThreshold = Annotated[
    str | None,
    Option(
        metavar="NUMBER|auto|KIND",
        help="Merge slots below this cosine distance, or below one that each image sets: auto, or gap, "
        "silhouette, firm, explained, removal; the model's own if not given.",
    ),
]
Motion = Annotated[
    bool,
    Option(
        "--motion",
        help="Expect slots where they were heading, for alike things that cross.",
    ),
]
Arrivals = Annotated[
    bool | None,
    Option(
        "--arrivals/--no-arrivals",
        help="Look at each frame anew for what has come into the clip, or follow the first frame's things "
        "alone; as the model has it if not given (usually it looks).",
    ),
]

Map = Annotated[
    Literal["aggregation", "decoder"], Option(help="Whose attention gives the masks; decoder is slower.")
]

MapOrShipped = Annotated[
    Literal["aggregation", "decoder"] | None,
    Option(
        help="Whose attention gives the masks; decoder is slower. If not given: aggregation, but decoder "
        "for the model that ships."
    ),
]

Host = Annotated[str, Option(help="Address to listen on; others than this machine reach 0.0.0.0.")]

Port = Annotated[int, Option(min=0, max=65535, help="0 takes a free one.")]

Fit = Annotated[
    Literal["whole", "centre"], Option(help="Squeeze the whole picture, or take its centre square.")
]

Size = Annotated[
    int | None,
    Option(min=14, help="Side in pixels of the square that the model sees; its own if not given."),
]

Quality = Annotated[
    Literal["fast", "fine", "best"],
    Option(help="Of the masks' edges: fine lets them follow those of the picture, best does so twice."),
]

Weights = Annotated[str | None, Option(help="Local file or folder of the backbone's weights.")]

Device = Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")]
