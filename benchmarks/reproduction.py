"""What the recipes of the paper's tables would cost: calculated from measured steps, not measured itself.

python benchmarks/reproduction.py

Pictures a second are those of results/cache-cpu.json (the paper's model, two CPU cores), and what an H100
could take at most by results/loader.json; a step of SPOT's stages against one of DIAS is from
results/spot-steps-paper-cpu.json. Steps, batch and slots are the recipes'.
"""

import json
from typing import Any

from dias.training.recipe import read_recipe
from harness import RESULTS, Row, markdown, save

IMAGES = {"clevrtex": "ClevrTex", "coco": "COCO", "voc": "VOC"}
HOUR, MINUTE = 3600, 60


def main() -> None:
    """Calculate, print, save."""
    live, cached = (_row("cache-cpu", "way", way)["images/s"] for way in ("live features", "cached features"))
    most = max(row["by kernel starts"] for row in _rows("loader") if row.get("features") == "live")
    stages = [_row("spot-steps-paper-cpu", "step", name)["of DIAS"] for name in ("spot-stage-1", "spot")]
    rows: list[Row] = []
    for name, data in IMAGES.items():
        recipe = read_recipe(name)
        pictures = recipe.training.steps * recipe.training.batch
        rows.append(
            {
                "recipe": f"`{name}`",
                "data": data,
                "slots": recipe.model.queries.slots,
                "steps": recipe.training.steps,
                "pictures (million)": pictures / 1e6,
                "2 CPU cores, hours": round(pictures / live / HOUR),
                "with cached features, hours": round(pictures / cached / HOUR),
                "SPOT, both stages, hours": round(sum(stages) * pictures / live / HOUR),
                "one H100, minutes at the least": round(pictures / most / MINUTE),
            }
        )
    print(markdown(rows))
    save(
        "reproduction",
        rows,
        about="the cost of one run (one seed), calculated and not measured; below is how",
    )


def _rows(name: str) -> list[dict[str, Any]]:
    return list(json.loads((RESULTS / f"{name}.json").read_text())["rows"])


def _row(name: str, column: str, value: str) -> dict[str, Any]:
    return next(row for row in _rows(name) if row.get(column) == value)


if __name__ == "__main__":
    main()
