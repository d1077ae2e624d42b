"""The command `dias`: one file a verb, no logic here."""

import os
import sys
from typing import Annotated

import typer
from typer import Exit, Option

from dias.cli import app as app_verb
from dias.cli import (
    cache,
    compare,
    convert,
    data,
    edit,
    evaluate,
    export,
    import_official,
    predict,
    reason,
    recipes,
    recognise,
    report,
    segment,
    serve,
    slots,
    synth,
    track,
    train,
)
from dias.errors import DiasError, Interrupted

app = typer.Typer(
    name="dias",
    help="Object-centric learning: images to object vectors and masks, without labels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("segment")(segment.segment)
app.command("track")(track.track)
app.command("edit")(edit.edit)
app.command("slots")(slots.slots)
app.command("cache")(cache.cache)
app.command("convert")(convert.convert)
app.command("import-official")(import_official.import_official)
app.add_typer(recognise.app, name="recognise")
app.add_typer(predict.app, name="predict")
app.add_typer(reason.app, name="reason")
app.add_typer(report.app, name="report")
app.command("serve")(serve.serve)
app.command("app")(app_verb.app)
app.add_typer(export.app, name="export")
app.add_typer(synth.app, name="synth")
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, Option("--version", help="Print the version, and end.", is_eager=True)] = False,
) -> None:
    """Object-centric learning: images to object vectors and masks, without labels."""
    if version:
        from importlib.metadata import version as installed

        print(f"dias {installed('dias-ocl')}")
        raise Exit


def main() -> None:
    """Run a verb.

    What the user can mend ends in one line and exit code 2; a preempted run with 0; Ctrl-C with 130.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except Interrupted as stop:
        _say(str(stop))
        sys.exit(stop.code)
    except DiasError as error:
        _say(str(error))
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        what = error.strerror or type(error).__name__
        _say(f"{where}{what}; check the path, its permissions and free space")
        sys.exit(2)


def _say(line: str) -> None:
    """In one write: of processes that fail together, `print` may write one line into another."""
    sys.stderr.write(f"dias: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
