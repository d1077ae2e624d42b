"""Words of questions as numbers: a closed vocabulary, made of the training questions."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dias.errors import DiasError

_MARKS = re.compile(r"[^a-z0-9\s'-]+")
PADDING = 0  # words are numbered from 1


class QuestionError(DiasError):
    """A question that a model cannot be asked: a word that it does not know, or too many of them."""


def words_of(text: str) -> tuple[str, ...]:
    """Words in lower case, without punctuation; `'s` is a word of its own."""
    return tuple(_MARKS.sub(" ", text.lower().replace("’", "'")).replace("'s", " 's").split())


@dataclass(frozen=True)
class Vocabulary:
    """All the words that a model knows; word i has the number i + 1.

    Attributes:
        words: in order.
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Vocabulary":
        """The words of some texts, by the alphabet."""
        return cls(tuple(sorted({word for text in texts for word in words_of(text)})))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=1)}

    def encode(self, text: str, *, room: int, what: str = "question") -> list[int]:
        """A text as `room` numbers, `PADDING` behind its words.

        Args:
            text: a question or a choice.
            room: most words.
            what: it is, for errors.

        Raises:
            QuestionError: it has no word, more than `room`, or one that is not known.
        """
        words = words_of(text)
        if not words:
            raise QuestionError(f"{what} {text!r}: has no words; ask in words such as {_some(self.words)}")
        if len(words) > room:
            raise QuestionError(
                f"{what} {text!r}: has {len(words)} words, the model reads {room}; say it in fewer"
            )
        unknown = [word for word in words if word not in self._numbers]
        if unknown:
            raise QuestionError(f"{what} {text!r}: {self._complaint(unknown[0])}")
        return [self._numbers[word] for word in words] + [PADDING] * (room - len(words))

    def _complaint(self, word: str) -> str:
        near = difflib.get_close_matches(word, self.words, n=3)
        known = f"near ones are {', '.join(near)}" if near else f"it knows such as {_some(self.words)}"
        return f"the word {word!r} is not one of the {len(self.words)} that the model knows; {known}"


def _some(words: Sequence[str]) -> str:
    """A few of the words, the longer ones first, which say most."""
    return ", ".join(sorted(words, key=lambda word: (-len(word), word))[:5])
