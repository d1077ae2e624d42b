"""Segments of CLEVRER's objects, `derender_proposals/proposal_?.json`: which pixels are of what."""

from pathlib import Path

import msgspec

from dias.data.clevrer.values import Color, Id, Material, Shape
from dias.data.formats.coco_mask import RunLengths
from dias.data.formats.json_file import read_json


class Proposal(msgspec.Struct, frozen=True):
    """A segment and what it looks like; of the published ones a network says so, with a score up to 1."""

    mask: RunLengths
    color: Color
    material: Material
    shape: Shape
    score: float


class ProposalFrame(msgspec.Struct, frozen=True):
    """Segments of a frame."""

    frame_index: Id
    objects: tuple[Proposal, ...]


class Proposals(msgspec.Struct, frozen=True):
    """Segments of a video."""

    video_index: Id
    video_filename: str
    frames: tuple[ProposalFrame, ...]


def read_proposals(file: Path) -> Proposals:
    """Read `proposal_?.json`.

    Raises:
        FileError: it cannot be read, or has not the shape of proposals; says where.
    """
    return read_json(file, Proposals)
