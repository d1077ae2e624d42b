"""Pictures or features into tokens. A new tokenizer is a file here and its name in the union."""

from typing import Any

from dias.nn.tokenizers.output import Coded, TokenizerPart

Tokenizer = Any  # until there is a first kind, in the next commits

__all__ = ["Coded", "Tokenizer", "TokenizerPart"]
