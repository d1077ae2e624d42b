"""The door to libraries that come with an extra: imported only where a setting asks for them."""

from typing import Any

from dias.errors import DiasError, how_to_install


def diffusers(*, needed_by: str, otherwise: str = "") -> Any:
    """The library diffusers, which takes seconds to import.

    Args:
        needed_by: the setting that asks for it, as it begins the line of the error.
        otherwise: what else could be set, as it ends that line.

    Raises:
        DiasError: it is not installed; names what needs it and the extra that brings it.
    """
    try:
        import diffusers as library
    except ImportError:
        way_on = f"run: {how_to_install('diffusion')}" + (f", or {otherwise}" if otherwise else "")
        raise DiasError(f"{needed_by}: diffusers is not installed; {way_on}") from None
    return library
