"""What slots tell of what happens: a Transformer over slots and words answers questions about clips."""

from dias.reasoning.evaluation import Contender, contender, evaluate
from dias.reasoning.evidence import Evidence, Foresight, Rollouter, View, evidence_of
from dias.reasoning.material import Material, material_of
from dias.reasoning.network import NetworkConfig, Reasoner
from dias.reasoning.questions import Language, decisions, language_of
from dias.reasoning.recipe import ReasoningRecipe, read_recipe
from dias.reasoning.scores import Reasoning, score
from dias.reasoning.trained import TrainedReasoner, judge, load_reasoner, save_reasoner
from dias.reasoning.training import train_on
from dias.reasoning.vocabulary import QuestionError, Vocabulary

__all__ = [
    "Contender",
    "Evidence",
    "Foresight",
    "Language",
    "Material",
    "NetworkConfig",
    "QuestionError",
    "Reasoner",
    "Reasoning",
    "ReasoningRecipe",
    "Rollouter",
    "TrainedReasoner",
    "View",
    "Vocabulary",
    "contender",
    "decisions",
    "evaluate",
    "evidence_of",
    "judge",
    "language_of",
    "load_reasoner",
    "material_of",
    "read_recipe",
    "save_reasoner",
    "score",
    "train_on",
]
