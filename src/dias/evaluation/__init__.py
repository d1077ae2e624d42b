"""How good the masks are, and by which protocol."""

from dias.evaluation.protocol import ClusteringConfig, EvaluationConfig, Rules, rules_of
from dias.evaluation.results import Evaluation, Results, Row, Scores
from dias.evaluation.run import (
    Candidate,
    candidate,
    evaluate,
    evaluate_all,
    evaluate_clustering,
    seen_in_training,
)
from dias.evaluation.tables import Summary, markdown, summarize, table
from dias.evaluation.views import require_masks

__all__ = [
    "Candidate",
    "ClusteringConfig",
    "Evaluation",
    "EvaluationConfig",
    "Results",
    "Row",
    "Rules",
    "Scores",
    "Summary",
    "candidate",
    "evaluate",
    "evaluate_all",
    "evaluate_clustering",
    "markdown",
    "require_masks",
    "rules_of",
    "seen_in_training",
    "summarize",
    "table",
]
