"""dias recipes: list, show and copy what ships."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument

app = typer.Typer(help="The recipes that ship with the package.", no_args_is_help=True)


@app.command("list")
def list_recipes() -> None:
    """Name every shipped recipe, and what it is."""
    import shutil
    import textwrap

    from dias.training.recipe import read_recipe, shipped

    width = min(shutil.get_terminal_size().columns, 110)
    for name in shipped():
        about = read_recipe(name).about
        print(textwrap.fill(about, width, initial_indent=f"{name:12} ", subsequent_indent=" " * 13))


@app.command()
def show(
    recipe: Annotated[str, Argument(help="A shipped recipe or a file.")],
) -> None:
    """Print a recipe with every setting, defaults included."""
    from dias.config import to_yaml
    from dias.training.recipe import read_recipe

    print(to_yaml(read_recipe(recipe)), end="")


@app.command()
def copy(
    recipe: Annotated[str, Argument(help="A shipped recipe.")],
    to: Annotated[Path, Argument(help="The file to write; it must not exist.")],
) -> None:
    """Copy a recipe, to be changed and given to `dias train`."""
    from dias.errors import FileError
    from dias.files import write_text
    from dias.training.recipe import recipe_file

    if to.exists():
        raise FileError(to, "exists already", do="choose another name")
    write_text(to, recipe_file(recipe).read_text(encoding="utf-8"))
    print(f"{to}: change what you like, then `dias train {to}`")
