"""Whether slots are such as something was trained on."""

from pathlib import Path

from dias.config import to_dict
from dias.errors import SlotsError
from dias.slots.header import Extraction


def check_alike(where: Path | str, found: Extraction, own: Extraction, *, whose: str) -> None:
    """See that slots came out of pictures in the same way; only the seed of the queries may differ.

    Args:
        where: the slots are.
        found: how they came about.
        own: how those did that were trained on.
        whose: what was trained on them, in a word: head, predictor, network.

    Raises:
        SlotsError: they did not; says in what they differ.
    """
    wanted, other = to_dict(own), to_dict(found)
    if wanted["checkpoint"] != other["checkpoint"]:
        raise SlotsError(
            where,
            f"is of checkpoint {other['checkpoint'][:12]}, the {whose} was trained on slots of "
            f"{wanted['checkpoint'][:12]}",
            do=f"slots of different models have nothing in common: train a {whose} on these",
        )
    different = [name for name in wanted if name != "seed" and wanted[name] != other[name]]
    if different:
        told = ", ".join(f"{name} {other[name]} for {wanted[name]}" for name in different)
        raise SlotsError(
            where, f"is not extracted as the {whose}'s slots were: {told}", do="extract them likewise"
        )
