"""Rare words of names and values, by which two entities are found where the words that both have are too common.

Of a name these are any two neighbouring words together, the last one and the first being neighbours, too; they are taken as they are and with
any one letter left out. So two names with one letter more, less, or another one still have a word in common, as do two neighbours that changed
places (Mor and Fraenkel, A hash code method for detecting and correcting spelling errors, 1982). Of values these are whole ones, each two of
them, and each with a word of the name: things that have no name, or one that is quite misspelt, may share a date and a town.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from pmf_minimal.own.candidates import nearest
from pmf_minimal.own.graph import Graph
from pmf_minimal.own.words import MAX_WORD, PRIME, SHORT, fold, letters_of, vectors, vectors_by
from pmf_minimal.scale.cluster import Spread

#: Values of an entity, and words of its name, that are joined; products for each row.
MOST, EACH = 4, 1000
_INVERSE = np.uint64(pow(int(PRIME), -1, 2**64))


def by_names(
    texts: Sequence[Sequence[str]], k: int, told: str | None, spread: Spread = map
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`candidates.nearest` of folded names: a name like no other may share a single key with its own other spelling."""
    return nearest(*vectors_by([_pairs_of_words], *texts), k, told, spread, each=EACH, worth=0)


def by_values(
    graphs: Sequence[Graph], owners: Sequence[np.ndarray], k: int, told: str | None, spread: Spread = map
) -> tuple[np.ndarray, np.ndarray]:
    """The same of the values of some entities of each graph, int64 ``[n]`` each."""
    sides = vectors(*map(_joined, graphs), pieces=False)
    return nearest(*(x[some] for x, some in zip(sides, owners, strict=True)), k, told, spread, each=EACH)


def _joined(graph: Graph) -> list[str]:
    """A text for each entity, of which each word is a value, or two of them, or a value and a word of the name."""
    values: list[set[str]] = [set() for _ in graph.ids]
    for i, value in zip(graph.values["entity"], graph.values["value"], strict=True):
        if len(values[i]) < MOST and len(value) <= SHORT:
            values[i].add(fold(value).replace(" ", "-"))
    texts = []
    for some, names in zip(values, graph.names, strict=True):
        whole = sorted(some - {""})
        words = fold(names[0]).split()[:MOST] if names and whole else []
        both = [*combinations(whole, 2), *((word, value) for word in words for value in whole)]
        texts.append(" ".join([*whole, *map("|".join, both)]))
    return texts


def _pairs_of_words(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Number of the text, and hash, of every two neighbouring words, and of the same with any one letter left out."""
    letters, owner = letters_of([text[:SHORT] for text in texts])
    at = np.flatnonzero(letters != 32)
    new = np.r_[True, np.diff(at) > 1][: len(at)]
    word, begin = np.cumsum(new) - 1, np.flatnonzero(new)
    end = np.r_[begin, len(at)][1:]
    owner = owner[at[begin]]
    power = np.cumprod(np.full(MAX_WORD, PRIME))[np.minimum(np.arange(len(at)) - begin[word], MAX_WORD - 1)]
    sums = np.r_[np.uint64(0), np.cumsum((letters[at] + np.uint64(7)) * power)]
    whole = _mixed(sums[end] - sums[begin])
    less = _mixed(sums[:-1] - sums[begin[word]] + (sums[end[word]] - sums[1:]) * _INVERSE)
    first, last = np.searchsorted(owner, owner), np.searchsorted(owner, owner, "right") - 1
    number = np.arange(len(owner))
    after, before = np.where(number == last, first, number + 1), np.where(number == first, last, number - 1)
    rest = whole * (first != last)  # a word that is alone has no neighbour
    two = (before != after)[word]
    return (
        np.concatenate([owner, owner[word], owner[word[two]]]),
        np.concatenate([whole + rest[after], less + rest[after[word]], (less + rest[before[word]])[two]]),
    )


def _mixed(code: np.ndarray) -> np.ndarray:
    """Hashes of which sums are hashes again, that do not ask for an order."""
    code = (code ^ (code >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return code ^ (code >> np.uint64(29))
