"""dias data list."""

from typing import Annotated

from typer import Argument


def list_data_sets(
    name: Annotated[str | None, Argument(help="A kind from the list: tell all about it.")] = None,
) -> None:
    """Name the data sets that can be read; with NAME, where to get one and how it should lie on the disk."""
    from rich.console import Console

    from dias.inspection.listing import details, table

    console = Console()
    if name is None:
        console.print(table())
        console.print("All about one: dias data list NAME. Is it whole: dias data check PATH.")
    else:
        console.print(details(name))
