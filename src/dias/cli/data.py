"""dias data: what can be done with data sets."""

import typer

from dias.cli import data_check, data_list, data_pack

app = typer.Typer(
    help="Data sets: what there is, whether it is whole, and packed for streaming.", no_args_is_help=True
)
app.command("list")(data_list.list_data_sets)
app.command("check")(data_check.check)
app.command("pack")(data_pack.pack)
