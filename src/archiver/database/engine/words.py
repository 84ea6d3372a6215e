"""What the search knows of an item: a handful of words, and the question in the same words. Pure.

Numbers are known by all their digits and, with ``num`` in front, by their last seven, so that +49 30 1234567 and 030 1234567 are found by
each other. Source, kind and a period of four weeks are words, too: so every question, with or without a text, is an intersection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from archiver.database.browsing import Query

__all__ = ["MOON_MILLIS", "Term", "terms_of", "words_of"]

MOON_MILLIS = 28 * 86_400_000
"""Four weeks."""
_MOST_MOONS = 66  # five years; a longer time is looked at row by row
_MOST_TERMS = 8
_SEVEN = 7

Term = tuple[str, bool]
"""A word, and whether it may be the beginning of a longer one."""


def words_of(texts: Sequence[str], source_id: int, kind: str, occurred_at: int) -> str:
    """The words of an item.

    Args:
        texts: Its numbers, names and ids.
        source_id: Where it comes from.
        kind: What it is.
        occurred_at: When it happened.
    """
    words = [word for text in texts for word, _ in _of_text(text)]
    words += [text.lower() for text in texts if text.isalnum()]  # a number whole, where `_of_text` gives its end
    marks = (f"src{source_id}", f"kind{kind.replace('_', '')}", f"moon{occurred_at // MOON_MILLIS}")
    return " ".join(dict.fromkeys([*words, *marks]))


def terms_of(query: Query, sources: Sequence[int]) -> list[list[Term]]:
    """The question: of each list one word must be there. Empty if everything fits.

    Args:
        query: What is looked for.
        sources: Those of its customer, if one is named.
    """
    asked: list[list[Term]] = [[term] for term in _of_text(query.text)[:_MOST_TERMS]]
    if query.customer:
        asked.append([(f"src{source}", False) for source in sources] or [("src0", False)])
    if query.kind is not None:
        asked.append([(f"kind{query.kind.replace('_', '')}", False)])
    if query.since is not None and query.until is not None:
        moons = range(query.since // MOON_MILLIS, query.until // MOON_MILLIS + 1)
        if 0 < len(moons) <= _MOST_MOONS:
            asked.append([(f"moon{moon}", False) for moon in moons])
    return asked


def _of_text(text: str) -> list[Term]:
    terms: list[Term] = []
    # A number as people write it is one word, whatever stands between its digits.
    joined = re.sub(r"(?<=\d)[\s()./-]+(?=\d)", "", text) if re.fullmatch(r"[\s\d()+./-]+", text) else text
    for word in re.findall(r"\w+", joined.lower().replace("_", " ")):
        if word.isdigit():
            terms.append((f"num{word[-_SEVEN:]}", False) if len(word) >= _SEVEN else (word, False))
        else:
            terms.append((word, len(word) >= 3))
    return terms
