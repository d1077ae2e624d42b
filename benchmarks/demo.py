"""The README's table of what `make demo` found: DIAS at each stage, both clusterings, the oracle.

make demo && python benchmarks/demo.py runs/demo
"""

import argparse
from pathlib import Path

from dias.evaluation.results import METRIC_NAMES, METRICS, Results
from dias.evaluation.results import Row as Scored
from harness import Row, save


def main() -> None:
    """Read the demo's scores, save them as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("demo", type=Path, help="what `make demo` wrote")
    results = Results.load(parser.parse_args().demo / "evaluation.json")
    found = results.evaluations[0]
    rows = [_row(scored) for scored in (*found.rows, *results.baselines)]
    kept, true = found.slots_kept.mean(), found.true_segments.mean()
    about = f"{len(found.names)} test scenes, percent; {kept:.1f} slots kept of 7, {true:.1f} true segments"
    print(save("demo", rows, about=about))


def _row(scored: Scored) -> Row:
    scores = {METRIC_NAMES[metric]: f"{100 * getattr(scored.mean, metric):.1f}" for metric in METRICS}
    return {"masks": scored.variant, "from": scored.map, **scores}


if __name__ == "__main__":
    main()
