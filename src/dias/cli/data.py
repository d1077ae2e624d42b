"""dias data: what can be done with data sets."""

import typer

from dias.cli import data_check, data_list

app = typer.Typer(help="Data sets: what there is, and whether it is whole.", no_args_is_help=True)
app.command("list")(data_list.list_data_sets)
app.command("check")(data_check.check)
