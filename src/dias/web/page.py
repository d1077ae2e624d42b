"""The page: what is on it, and what happens when a visitor does something. Needs `dias-ocl[app]`."""

import base64
import time
from collections.abc import Callable
from functools import partial
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from dias.errors import DiasError
from dias.web.downloads import DOWNLOADS, Download
from dias.web.finder import Cut, Finder, FrameObjects
from dias.web.gate import take_uploads_alone
from dias.web.looking import Looked
from dias.web.settings import PageConfig
from dias.web.uploads import open_upload
from dias.web.views import view

TITLE = "DIAS: objects in pictures, without labels"
_WAYS = [("automatic", "auto"), ("by distance", "distance"), ("by number", "number")]
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
_MODEL = "model"  # events with this name wait for one another
_WAITING = 32  # events that may wait
_KEPT = (60, 600)  # every so many seconds, files of so many seconds go; not at once: two may upload the same
_SAVE = """watch('value', () => {
  const file = props.value;
  if (!file || !file.content) return;
  const link = document.createElement('a');
  link.href = `data:${file.kind};base64,${file.content}`;
  link.download = file.name;
  link.click();
});"""


def build_page(finder: Finder, limits: PageConfig) -> gr.Blocks:
    """Put the page together.

    A visitor's picture is held in the visitor's own state, in memory; the uploaded file, which nothing
    serves, is deleted some minutes later. What is taken home is made when it is asked for, without a file.

    Args:
        finder: answers.
        limits: of uploads.
    """
    act = _Acts(finder, limits)
    page = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=_KEPT)
    with page:
        looked = gr.State(None, time_to_live=limits.remembered)
        found = gr.State(None, time_to_live=limits.remembered)
        gr.HTML(_head(finder), elem_id="dias-head")
        with gr.Row():
            with gr.Column(scale=1, min_width=280, elem_id="dias-controls"):
                file = gr.File(label="A picture or a clip", elem_id="dias-file", height=150)
                take_uploads_alone(file)
                how = gr.Radio(
                    _WAYS,
                    value="auto",
                    label="Merge slots",
                    info="Alike slots become one object: each has its tree, cut where you say.",
                    elem_id="dias-how",
                    visible=finder.merges,
                )
                distance = gr.Slider(
                    0, max(1, finder.distance or 0), value=finder.distance or 0.2, step=0.01,
                    label=_distance_label(finder), elem_id="dias-distance", visible=finder.merges,
                )  # fmt: skip
                number = gr.Slider(
                    2, max(finder.slots, 3), value=finder.slots, step=1,
                    label=f"Number of objects: where the tree of {finder.slots} slots is cut",
                    elem_id="dias-number", visible=finder.merges and finder.slots > 2,
                )  # fmt: skip
            with gr.Column(scale=3, min_width=320):
                said = gr.HTML(_hint(limits), elem_id="dias-said")
                explorer = gr.HTML(
                    None,
                    html_template="<div class='explorer'></div>",
                    css_template=_part("explorer.css"),
                    js_on_load=_part("explorer.js"),
                    apply_default_css=False,
                    elem_id="dias-explorer",
                )
                with gr.Row(visible=False, elem_id="dias-files") as files_row:
                    buttons = [gr.Button(label, size="sm") for label, _ in DOWNLOADS]
        saved = gr.HTML(None, html_template="<span></span>", js_on_load=_SAVE, elem_id="dias-saved")

        cut, shown = [how, distance, number], [looked, found, said, explorer, files_row]
        alone: dict[str, Any] = {"concurrency_id": _MODEL, "concurrency_limit": 1, "show_progress": "minimal"}
        file.upload(act.look, [file, *cut], shown, **alone)
        file.clear(act.forget, None, shown, **alone)
        follow = {"trigger_mode": "always_last", **alone}
        how.input(act.find, [looked, *cut], shown[1:], **follow)
        for slider, way in ((distance, "distance"), (number, "number")):
            slider.input(partial(act.find_by, way), [looked, *cut], [how, *shown[1:]], **follow)
        for button, (_, make) in zip(buttons, DOWNLOADS, strict=True):
            button.click(partial(act.save, make), [looked, found], saved, **alone)
    page.queue(max_size=_WAITING, api_open=False)
    page.state_session_capacity = limits.visitors
    page.has_launched = True  # else Gradio, mounted in another application, checks no path (6.31)
    return page


def looks() -> dict[str, Any]:
    """Theme and style, which asks for no font from elsewhere."""
    theme = gr.themes.Default(
        primary_hue="blue", neutral_hue="slate", font=list(_FONTS), font_mono=["ui-monospace", "monospace"]
    )
    return {"theme": theme, "css": _part("page.css")}


class _Acts:
    """What happens; each gives new values of the page's parts, in the order that `build_page` says."""

    def __init__(self, finder: Finder, limits: PageConfig) -> None:
        self.finder, self.limits = finder, limits

    def look(self, file: str | None, how: str, distance: float, number: float) -> list[Any]:
        """Take what was dropped."""
        if file is None:
            return self.forget()
        try:
            looked = self.finder.look(open_upload(Path(file), self.limits), self.limits)
        except DiasError as error:
            return [None, *_refused(error)]
        return [looked, *self.find(looked, how, distance, number)]

    def find(self, looked: Looked | None, how: str, distance: float, number: float) -> list[Any]:
        """Cut the trees."""
        if looked is None:
            return [None, _hint(self.limits), None, gr.update(visible=False)]
        try:
            cut = Cut(how=how, distance=distance, number=int(number))  # type: ignore[arg-type]
            found = self.finder.find(looked, cut)
        except DiasError as error:
            return _refused(error)
        return [found, _result(looked, found), view(looked, found), gr.update(visible=True)]

    def find_by(self, way: str, looked: Looked | None, how: str, distance: float, number: float) -> list[Any]:
        """A slider was moved: it is what counts now."""
        return [way, *self.find(looked, way, distance, number)]

    def forget(self) -> list[Any]:
        """The picture was taken away."""
        return [None, None, _hint(self.limits), None, gr.update(visible=False)]

    def save(
        self,
        make: Callable[[Looked, list[FrameObjects]], Download],
        looked: Looked | None,
        found: list[FrameObjects] | None,
    ) -> dict[str, Any]:
        """Make a file for the visitor's browser."""
        if looked is None or found is None:
            raise gr.Error("The picture was forgotten; drop it in once more.", print_exception=False)
        made = make(looked, found)
        content = base64.b64encode(made.content).decode("ascii")
        return {"name": made.name, "kind": made.kind, "content": content, "at": time.time()}


def _refused(error: DiasError) -> list[Any]:
    line = f'<p class="problem" role="alert">{escape(str(error))}</p>'
    return [None, line, None, gr.update(visible=False)]


def _hint(limits: PageConfig) -> str:
    return (
        '<p class="hint">Drop in a picture or a short clip: at most '
        f"{limits.bytes / 2**20:.3g} MB, {limits.pixels / 1e6:g} million pixels, {limits.seconds:g} seconds "
        f"(of which {limits.frames} frames are looked at). It goes to the machine that runs "
        "<code>dias app</code> and no further, and is forgotten when you leave.</p>"
    )


def _result(looked: Looked, found: list[FrameObjects]) -> str:
    kept = [int(one.kept.sum()) for one in found]
    what = f"{kept[0]} objects" if len(kept) == 1 else f"{min(kept)} to {max(kept)} objects"
    frames = f", {len(found)} frames" if looked.of_clip else ""
    return f'<p class="result" role="status"><b>{what}</b> in {escape(looked.name)}{frames}</p>'


def _head(finder: Finder) -> str:
    return (
        "<h1>DIAS</h1><p>Finds the objects of pictures and clips, without labels. "
        f"Model: <code>{escape(finder.name)}</code>.</p>"
    )


def _distance_label(finder: Finder) -> str:
    own = "" if finder.distance is None else f"; the model's own is {finder.distance:g}"
    return f"Threshold: cosine distance{own}"


def _part(name: str) -> str:
    return (files("dias") / "web" / name).read_text(encoding="utf-8")
