"""What happens in a video, as an ordered list of events: what programs of questions run on."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool

from dias.data.clevrer.values import Annotation, LoggedEvent, ObjectProperty

MOVING = 0.05  # metres a second: what is faster moves
Kind = Literal["start", "end", "in", "out", "collision"]


@dataclass(frozen=True)
class Event:
    """What happens in a frame, and to whom; `start` and `end` are the video's own and happen to nobody."""

    type: Kind
    frame: int
    objects: tuple[int, ...] = ()

    def alike(self, other: "Event") -> bool:
        """Whether both are of one type and happen to the same objects, at whatever time."""
        return self.type == other.type and set(self.objects) == set(other.objects)


@dataclass(frozen=True)
class Causes:
    """Why an event happens: see `EventLog.causes`."""

    events: tuple[Event, ...]
    objects: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """A video as programs see it.

    Attributes:
        things: what objects look like; an object's number is its place.
        visible: whether the middle of an object is in the picture, in each frame.
        moving: whether it is faster than `MOVING`.
        events: in order of time: entrances, exits, and collisions of objects that are both visible.
        future: those after the last frame; None where no simulator was asked.
        without: those that happen if an object is taken away before the first frame, for each object; None
            where no simulator was asked.
    """

    things: tuple[ObjectProperty, ...]
    visible: Bool[np.ndarray, "t k"]
    moving: Bool[np.ndarray, "t k"]
    events: tuple[Event, ...]
    future: tuple[Event, ...] | None = None
    without: tuple[tuple[Event, ...], ...] | None = None

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.visible)

    @cached_property
    def seen(self) -> tuple[int, ...]:
        """Objects that are visible in some frame."""
        return tuple(int(number) for number in np.flatnonzero(self.visible.any(axis=0)))

    def responsible(self, event: Event) -> frozenset[int]:
        """Objects without which an event does not happen.

        They are those that it happens to, and those without which a re-simulation has no event alike.

        Raises:
            ValueError: no simulator was asked.
        """
        if self.without is None:
            raise ValueError("the log has no re-simulations")
        return frozenset(
            number
            for number, events in enumerate(self.without)
            if number in event.objects or not any(event.alike(other) for other in events)
        )

    def causes(self, event: Event) -> Causes:
        """What leads to an event.

        An object does if it is responsible. An earlier event does if everything it happens to is responsible,
        and if a chain of events leads from it to this one: each link is the last event that an object had
        before the next link.

        Raises:
            ValueError: no simulator was asked.
        """
        objects = self.responsible(event)
        chain = self._before(event)
        return Causes(
            tuple(one for one in self.events if one in chain and set(one.objects) <= objects), objects
        )

    def _before(self, event: Event) -> set[Event]:
        """Events that a chain leads from to `event`."""
        found: set[Event] = set()
        todo = [event]
        while todo:
            last = todo.pop()
            for number in last.objects:
                earlier = [one for one in self.events if number in one.objects and one.frame < last.frame]
                if earlier and earlier[-1] not in found:
                    found.add(earlier[-1])
                    todo.append(earlier[-1])
        return found


def log_of(annotation: Annotation) -> EventLog:
    """The log of a video.

    Entrances and exits are changes of `inside_camera_view`; what is in the first frame has not entered.
    Collisions count where both objects are inside. An object that a frame leaves out is not inside.
    """
    count, frames = len(annotation.object_property), len(annotation.motion_trajectory)
    visible = np.zeros((frames, count), dtype=np.bool_)
    moving = np.zeros((frames, count), dtype=np.bool_)
    for frame, moment in enumerate(annotation.motion_trajectory):
        for pose in moment.objects:
            visible[frame, pose.object_id] = pose.inside_camera_view
            moving[frame, pose.object_id] = np.hypot(*pose.velocity[:2]) > MOVING
    collisions = [
        Event("collision", one.frame_id, one.object_ids)
        for one in annotation.collision
        if one.frame_id < frames and visible[one.frame_id, list(one.object_ids)].all()
    ]
    more = annotation.resimulated
    return EventLog(
        things=annotation.object_property,
        visible=visible,
        moving=moving,
        events=in_order([*passages(visible), *collisions]),
        future=None if more is None else _events(more.future),
        without=None if more is None else tuple(map(_events, more.without)),
    )


def passages(visible: Bool[np.ndarray, "t k"]) -> list[Event]:
    """Entrances and exits."""
    changes = np.argwhere(visible[1:] != visible[:-1])
    return [
        Event("in" if visible[frame + 1, number] else "out", int(frame) + 1, (int(number),))
        for frame, number in changes
    ]


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """By time, then by type and objects."""
    return tuple(sorted(events, key=lambda one: (one.frame, one.type, one.objects)))


def _events(logged: Iterable[LoggedEvent]) -> tuple[Event, ...]:
    return tuple(Event(one.type, one.frame, one.objects) for one in logged)
