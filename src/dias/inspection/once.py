"""Looks at samples that several splits share: each is read once."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from dias.data.samples import ClipSource, ImageSource, SharedSamples
from dias.inspection.look import Look, look_at


class Once:
    """Looks at samples, and keeps what a later split may want too."""

    def __init__(self) -> None:
        self._looks: dict[str, Look] = {}

    def look_at(self, source: ImageSource | ClipSource, index: int, *, draw: bool, stop: Event) -> Look:
        """As `dias.inspection.look.look_at`; a sample that was looked at is drawn only if it was then."""
        name = _shared(source, index)
        if name is None:
            return look_at(source, index, draw=draw, stop=stop)
        if name not in self._looks:
            self._looks[name] = look_at(source, index, draw=draw, stop=stop)
        return self._looks[name] if draw else replace(self._looks[name], drawn=None)

    def can_draw(self, source: ImageSource | ClipSource, chosen: Sequence[int]) -> Sequence[int]:
        """Of some samples, those that were drawn or have not been looked at yet."""
        looks = {index: self._looks.get(_shared(source, index) or "") for index in chosen}
        return [index for index, look in looks.items() if look is None or look.drawn is not None]


def _shared(source: ImageSource | ClipSource, index: int) -> str | None:
    return source.shared(index) if isinstance(source, SharedSamples) else None
