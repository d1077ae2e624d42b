"""Options that several verbs have."""

from typing import Annotated

from typer import Option

DataSettings = Annotated[
    list[str] | None,
    Option(
        "--data-set",
        help="KEY=VALUE for a setting of the data set, e.g. split=val2017; may be given again.",
        metavar="KEY=VALUE",
    ),
]
