"""Object-centric learning with DIAS: images to object vectors and masks, without labels.

Names come in when they are first used, so that `import dias` itself takes no time.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dias.inference.dias import Dias
    from dias.inference.shortcuts import load, segment

    __version__: str

__all__ = ["Dias", "__version__", "load", "segment"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("dias-ocl")
    if name == "Dias":
        from dias.inference.dias import Dias

        return Dias
    if name in ("load", "segment"):
        from dias.inference import shortcuts

        return getattr(shortcuts, name)
    raise AttributeError(f"module 'dias' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
