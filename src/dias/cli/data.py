"""dias data: what can be done with data sets."""

import typer

from dias.cli import data_pack

app = typer.Typer(help="Check and pack data sets.", no_args_is_help=True)
app.command("pack")(data_pack.pack)


@app.callback()
def data() -> None:
    """Check and pack data sets."""
