"""Frames in, objects that keep their numbers out; and the files that are made of them."""

from dias.inference.tracks.files import check_apart
from dias.inference.tracks.saving import Saved, save_tracks
from dias.inference.tracks.tracker import Tracked, Tracker

__all__ = ["Saved", "Tracked", "Tracker", "check_apart", "save_tracks"]
