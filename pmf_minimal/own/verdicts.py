"""What a person thought of pairs, as a report saves it: those that are rejected are known not to match."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pmf_minimal.errors import DuplicateId
from pmf_minimal.own.clean import pairs_of

#: The column that says what a person thought of a pair, and the words in it that make it no known pair.
VERDICT, REJECTED, UNSURE = "verdict", "rejected", "unsure"


def rejected_pairs(pairs: Iterable, numbers: list[dict[str, int]], known: np.ndarray, name: str) -> np.ndarray:
    """Those of the pairs that are known not to match: int64 ``[R, 2]``, entity numbers; what its graph does not have is passed over.

    Args:
        pairs, numbers, name: as for :func:`~pmf_minimal.own.pairs.known_pairs`. known: int64 ``[P, 2]``, what that found.

    Raises:
        DuplicateId: a pair is said to match, too.
    """
    both, found = set(map(tuple, known.tolist())), []
    for left, right, place in pairs_of(with_verdict(pairs, REJECTED)[0], f"{name}, pairs"):
        if left in numbers[0] and right in numbers[1]:
            found.append((numbers[0][left], numbers[1][right]))
            if found[-1] in both:
                raise DuplicateId(
                    f"{place}: {left} = {right} is rejected, and is a known pair, too; drop one of the two"
                )
    return np.array(sorted({*found}), dtype=np.int64).reshape(-1, 2)


def with_verdict(pairs: Iterable, *verdicts: str) -> tuple[Iterable, Iterable]:
    """The pairs of which a column says one of these, and all others."""
    column = next((c for c in getattr(pairs, "columns", ()) if str(c).strip().casefold() == VERDICT), None)
    if column is None:
        return [], pairs
    some = pairs[column].map(lambda word: str(word).strip().casefold() in verdicts).to_numpy(bool)
    return pairs[some], pairs[~some]
