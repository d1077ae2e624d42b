"""Slots as files: extracted once from any data set, read back as plain arrays or as a data set of PyTorch."""

from dias.slots.clips import ClipSlots, clips_of
from dias.slots.extract import Extracted, extract
from dias.slots.header import SlotHeader, describe
from dias.slots.read import SlotArrays, SlotFiles, load
from dias.slots.source import source_of
from dias.slots.torch_data import SlotData, SlotItem

__all__ = [
    "ClipSlots",
    "Extracted",
    "SlotArrays",
    "SlotData",
    "SlotFiles",
    "SlotHeader",
    "SlotItem",
    "clips_of",
    "describe",
    "extract",
    "load",
    "source_of",
]
