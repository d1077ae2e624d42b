"""Model cards: Markdown with the front matter that Hugging Face's hub reads."""

from collections.abc import Mapping
from typing import Any

_FRONT = """---
license: mit
library_name: dias-ocl
pipeline_tag: image-segmentation
tags: [object-centric-learning, slot-attention, unsupervised-segmentation, dinov2]
---
"""


def card(*, title: str, parts: Mapping[str, str]) -> str:
    """A card: the front matter, a title, a section for each part; the text under the name "" comes first."""
    sections = (
        f"## {name}\n\n{text.strip()}\n" if name else f"{text.strip()}\n" for name, text in parts.items()
    )
    return f"{_FRONT}\n# {title}\n\n" + "\n".join(sections)


def short_card(told: Mapping[str, Any]) -> str:
    """A card out of what a checkpoint's header says of itself."""
    backbone, origin, notes = (told.get(name) or {} for name in ("backbone", "provenance", "notes"))
    facts = {
        "step": notes.get("step"),
        "seed": notes.get("seed"),
        "validation": notes.get("validation"),
        "frozen backbone": backbone.get("name"),
        "backbone weights, SHA-256": backbone.get("sha256"),
        "command": origin.get("command"),
        "code revision": origin.get("revision"),
        "hardware": origin.get("hardware"),
    }
    code = 'model = dias.Dias.from_pretrained("this folder")\nslots, masks = model(["photo.jpg"])'
    use = f"```python\nimport dias\n\n{code}\n```"
    about = "Objects in images as slots with masks, found without labels (DIAS, arXiv 2507.23755)."
    made = "\n".join(f"- {name}: `{value}`" for name, value in facts.items() if value not in (None, {}))
    limits = "Not written down: whoever trained this model has not told what it was measured on."
    return card(
        title="A model of DIAS", parts={"": about, "Use": use, "How it was made": made, "Limits": limits}
    )
