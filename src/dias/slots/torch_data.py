"""Slot files as a data set of PyTorch."""

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Bool, Float16, Float32
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.utils.data import Dataset

from dias.errors import SlotsError
from dias.slots.shards import tensor_file

if TYPE_CHECKING:
    from dias.slots.read import SlotFiles


class SlotItem(NamedTuple):
    """A picture; PyTorch's own collation makes batches of these.

    Attributes:
        slots: zeros where `kept` is False.
        kept: which slots stand for something.
        attention: the map over tokens of each slot; without columns where it was not asked for.
        picture: its number among those that have slots.
    """

    slots: Float32[Tensor, "n d"]
    kept: Bool[Tensor, " n"]
    attention: Float16[Tensor, "n m"]
    picture: int


class SlotData(Dataset[SlotItem]):
    """Reads a picture's slots when they are asked for; goes to worker processes as it is."""

    def __init__(self, files: "SlotFiles", *, attention: bool = False) -> None:
        self.files = files
        self.attention = attention

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> SlotItem:
        """Read a picture's slots.

        Raises:
            IndexError: there is no such picture.
            SlotsError: its shard is damaged.
        """
        number, row = self.files.place(index)
        file = tensor_file(self.files.folder, number)
        try:
            with safe_open(file, framework="pt") as opened:
                slots, kept = opened.get_slice("slots")[row], opened.get_slice("kept")[row]
                attention = (
                    opened.get_slice("attention")[row]
                    if self.attention
                    else torch.empty(len(kept), 0, dtype=torch.float16)
                )
        except (SafetensorError, OSError) as error:
            raise SlotsError(file, f"is damaged ({error})", do="extract the slots again") from None
        return SlotItem(slots=slots, kept=kept, attention=attention, picture=index)
