"""Surface text as features: the words and the letters of (translated) names (paper, appendix A.4, Table 2)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pmf_minimal.graphs import DataError


def read_names(path: Path) -> dict[int, list[str]]:
    """Names of entities as the field's files hold them: a JSON list of [id, [word, word, …]].

    Raises:
        DataError: another form, an id for the second time, or no such file.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}); get the file again") from None
    names: dict[int, list[str]] = {}
    if not isinstance(table, list):
        raise DataError(f"{path}: expected a list of [id, [word, …]]; is this the file of names?")
    for number, entry in enumerate(table, start=1):
        match entry:
            case [int(i), [*words]] if all(isinstance(word, str) for word in words) and i not in names:
                names[i] = [word.lower() for word in words]
            case _:
                raise DataError(
                    f"{path}: entry {number} is {str(entry)[:60]}; expected [id, [word, …]], each id once; mend or drop it"
                )
    return names


def bigrams(names: dict[int, list[str]], row: dict[int, int]) -> np.ndarray:
    """int64 ``[A, 2]``: entity row and bigram number for every pair of neighbouring letters inside a word."""
    number: dict[str, int] = {}
    ends = [
        (row[i], number.setdefault(word[k : k + 2], len(number)))
        for i, words in names.items()
        if i in row
        for word in words
        for k in range(len(word) - 1)
    ]
    return np.array(ends, dtype=np.int64).reshape(-1, 2)


def read_vectors(path: Path, words: set[str]) -> dict[str, np.ndarray]:
    """Vectors of the given words from a text file of word vectors (GloVe: a word, then its numbers, in each line).

    Returns:
        word -> float32 ``[d]``, for the words that the file has.

    Raises:
        DataError: no such file, not a single word of ours in it, or a malformed line.
    """
    vectors: dict[str, np.ndarray] = {}
    width = None
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                word, _, rest = line.rstrip("\r\n").partition(" ")
                if word not in words:
                    continue
                vector = np.array(rest.split(), dtype=np.float32)
                width = width or len(vector)
                if len(vector) != width or not width or not np.isfinite(vector).all():
                    raise DataError(
                        f"{path}:{number}: expected {width} finite numbers after the word; mend or drop the line"
                    )
                vectors[word] = vector
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as word vectors ({error}); get the file again") from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}:{number}: not a number among the values; mend or drop the line") from None
    if not vectors:
        raise DataError(f"{path}: none of the names' words is in it; is this the file of word vectors?")
    return vectors


def mean_vectors(names: dict[int, list[str]], row: dict[int, int], path: Path) -> np.ndarray:
    """float32 ``[N, d]``: mean of the vectors of a name's words; zero where none of them is known."""
    vectors = read_vectors(path, {word for words in names.values() for word in words})
    width = len(next(iter(vectors.values())))
    means = np.zeros((len(row), width), dtype=np.float32)
    for i, words in names.items():
        known = [vectors[word] for word in words if word in vectors]
        if known and i in row:
            means[row[i]] = np.mean(known, axis=0)
    return means
