"""One HTML file that tells what a run did."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from dias.evaluation.results import Results
from dias.files import write_text
from dias.report.gallery import Gallery
from dias.report.journal import read_curves
from dias.report.page import page
from dias.report.sections import contents, curves, headline, image_by_image, origin, pictures, scores


def write_report(
    run: Path, *, results: Results | None = None, galleries: Sequence[Gallery] = (), out: Path
) -> None:
    """Write a page that stands alone: curves, results, pictures and origin, with nothing outside it.

    Args:
        run: folder that `dias train` wrote.
        results: what `dias eval` found; None leaves the results out.
        galleries: pictures, in the order in which they should stand.
        out: the file to write, in one step.

    Raises:
        FileError: the run has no metrics.jsonl, a picture cannot be read, or `out` cannot be written.
        DiasError: the evaluations in `results` are not of the same images.
    """
    name = "/".join(run.resolve().parts[-2:])
    parts: list[tuple[str, str, str]] = []
    if results is not None:
        parts.append(("results", "Results", scores(results)))
    parts.append(("curves", "Learning curves", curves(read_curves(run))))
    for number, gallery in enumerate(galleries, start=1):
        place = f"pictures-{number}"
        parts.append((place, gallery.title, pictures(gallery, name=place)))
    if results is not None:
        parts.append(("images", "Image by image", image_by_image(results)))
    parts.append(("origin", "How this was made", origin(run, results=results)))
    there = [(place, title) for place, title, text in parts if text]
    head = (
        f"<h1>DIAS: {escape(name)}</h1>"
        "<p>Objects found in images without labels: what was learned, how well it separates objects, "
        "and what it looks like.</p>"
    )
    body = [head, contents(there)]
    if results is not None:
        body.append(headline(results))
    body += [text for _, _, text in parts if text]
    write_text(out, page(title=f"DIAS: {name}", body="\n".join(body)))
