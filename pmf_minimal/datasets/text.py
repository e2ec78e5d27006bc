"""Surface text as features: the words and the letters of (translated) names (paper, appendix A.4, Table 2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pmf_minimal.datasets import lines
from pmf_minimal.datasets.files import MAX_LINE, because, open_regular, zero_matrix
from pmf_minimal.errors import (
    BadFeatures,
    DamagedFile,
    DuplicateId,
    EmptyFile,
    MalformedLine,
    NotUTF8,
)

_VALUES = frozenset("0123456789+-.eE nanNANinfinityINFINITY")  # float() would take "1_0" and more


def read_names(path: Path) -> dict[int, list[str]]:
    """Names of entities as the field's files hold them: a JSON list of [id, [word, word, …]].

    Raises:
        DataError: and always one of its kinds. MissingFile, EmptyFile, NotUTF8; DamagedFile: no JSON list; MalformedLine:
            an entry of another form; DuplicateId: an id for the second time.
    """
    return parse_names(lines.content(path), path)


def parse_names(data: bytes, path: Path) -> dict[int, list[str]]:
    """The same for the bytes of a file."""
    try:
        table = json.loads(lines.decode(data, path))
    except NotUTF8:
        raise
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path}: not readable as JSON ({because(error)}); get the file again") from None
    if not isinstance(table, list):
        raise DamagedFile(f"{path}: expected a list of [id, [word, …]]; is this the file of names?")
    names: dict[int, list[str]] = {}
    for number, entry in enumerate(table, start=1):
        match entry:
            case [int(i), [*words]] if type(i) is int and all(isinstance(word, str) for word in words):
                if i in names:
                    raise DuplicateId(f"{path}: entry {number} has id {i} for the second time; drop one of the two")
                names[i] = [word.lower() for word in words]
            case _:
                raise MalformedLine(
                    f"{path}: entry {number} is {str(entry)[:60]}; expected [id, [word, …]]; mend or drop it"
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

    Lines of other words are passed over after a look at their encoding.

    Returns:
        word -> float32 ``[d]``, for the words that the file has.

    Raises:
        DataError: and always one of its kinds. MissingFile, EmptyFile, NotUTF8; MalformedLine: something else than numbers
            after the word, or more or fewer than before; DuplicateId: a word of ours for the second time; BadFeatures: NaN,
            infinity, or not a single word of ours.
    """
    with open_regular(path, 2**40, "check the path of the word vectors") as (file, _):
        return parse_vectors(file, path, words)


def parse_vectors(file: BinaryIO, path: Path, words: set[str]) -> dict[str, np.ndarray]:
    """The same for an opened file."""
    vectors: dict[str, np.ndarray] = {}
    width = number = 0
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
        if len(line) == MAX_LINE:
            raise MalformedLine(
                f"{path}:{number}: a line of {MAX_LINE:,} bytes and more; is this a file of word vectors?"
            )
        try:
            word, _, rest = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip(" \r\n").partition(" ")
        except UnicodeDecodeError:
            raise NotUTF8(f"{path}:{number}: not UTF-8 text; convert the file to UTF-8") from None
        if word not in words:
            continue
        values = rest.split(" ")
        if not _VALUES.issuperset(rest) or width not in (0, len(values)):
            raise MalformedLine(
                f"{path}:{number}: expected {width or 'only'} numbers after the word; mend or drop the line"
            )
        try:
            vector = np.array([float(value) for value in values])
        except ValueError:
            raise MalformedLine(f"{path}:{number}: not a number among the values; mend or drop the line") from None
        if word in vectors:
            raise DuplicateId(f"{path}:{number}: the word {word!r} for the second time; drop one of the two lines")
        if not (abs(vector) < 3e38).all():  # what float32 can hold
            raise BadFeatures(f"{path}:{number}: a value without end; mend or drop the line")
        vectors[word], width = vector.astype(np.float32), len(vector)
    if not number:
        raise EmptyFile(f"{path}: the file is empty; get it again")
    if not vectors:
        raise BadFeatures(f"{path}: none of the names' words is in it; is this the file of word vectors?")
    return vectors


def mean_vectors(names: dict[int, list[str]], row: dict[int, int], path: Path) -> np.ndarray:
    """float32 ``[N, d]``: mean of the vectors of a name's words; zero where none of them is known."""
    vectors = read_vectors(path, {word for words in names.values() for word in words})
    width = len(next(iter(vectors.values())))
    means = zero_matrix(len(row), width, str(path))
    for i, words in names.items():
        known = [vectors[word] for word in words if word in vectors]
        if known and i in row:
            means[row[i]] = np.mean(known, axis=0)
    return means
