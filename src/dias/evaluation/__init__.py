"""How good the masks are, and by which protocol."""

from dias.evaluation.protocol import ClusteringConfig, EvaluationConfig
from dias.evaluation.results import Evaluation, Results, Row, Scores
from dias.evaluation.run import Candidate, candidate, evaluate, evaluate_all, evaluate_clustering
from dias.evaluation.tables import Summary, markdown, summarize, table

__all__ = [
    "Candidate",
    "ClusteringConfig",
    "Evaluation",
    "EvaluationConfig",
    "Results",
    "Row",
    "Scores",
    "Summary",
    "candidate",
    "evaluate",
    "evaluate_all",
    "evaluate_clustering",
    "markdown",
    "summarize",
    "table",
]
