"""The field's text files, line by line: whatever is wrong is named with its file, its line and the mend.

A file is UTF-8; a byte order mark at its start, Windows line ends and a missing last line end make no difference.
Every other departure from the form of a file is an error: nothing is guessed, and no line is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from pmf_minimal.datasets.files import MAX_TEXT, open_regular
from pmf_minimal.errors import DuplicateId, EmptyFile, MalformedLine, NotUTF8


def content(path: Path, limit: int = MAX_TEXT) -> bytes:
    """All bytes of a file, less the byte order mark.

    Raises:
        MissingFile: it is not there or may not be read.
        DamagedFile: a folder, a pipe or a device, or larger than the limit.
        EmptyFile: it has nothing but white space.
    """
    with open_regular(path, limit) as (file, size):
        data = file.read(size).removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise EmptyFile(f"{path}: the file is empty; get it again")
    return data


def decode(data: bytes, path: Path) -> str:
    """UTF-8 text; NotUTF8 names the first line that is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotUTF8(f"{path}:{line}: not UTF-8 text; convert the file to UTF-8") from None


def _rows(data: bytes, path: Path, good: Callable[[list[str]], bool], expected: str) -> list[list[str]]:
    """The fields of every line, tabs between them; MalformedLine names the first line that is not good."""
    rows = [line.removesuffix("\r").split("\t") for line in decode(data, path).removesuffix("\n").split("\n")]
    for number, row in enumerate(rows, start=1):
        # Tested field by field: a regular expression for the whole line can take for ever where it does not fit.
        if not good(row) or any("\0" in field or "\r" in field for field in row):
            raise MalformedLine(f"{path}:{number}: expected {expected}; mend or drop the line")
    return rows


def _is_id(field: str) -> bool:
    return len(field) <= 18 and field.isascii() and field.isdigit()  # what fits into 64 bits


def _is_name(field: str) -> bool:
    return bool(field.strip(" \f\v"))


def numbers(data: bytes, path: Path, width: int) -> np.ndarray:
    """int64 ``[lines, width]`` of a text with so many numbers in each line, tabs between them (``triples_1``)."""
    rows = _rows(
        data, path, lambda row: len(row) == width and all(map(_is_id, row)), f"{width} numbers with tabs between them"
    )
    return np.array(rows).astype(np.int64)


def named_ids(data: bytes, path: Path, distinct_names: bool = True) -> tuple[np.ndarray, list[str]]:
    """Ids, int64 ``[n]``, and names of a text with a number, a tab and a name in each line (``ent_ids_1``, ``rel_ids``).

    Raises:
        DuplicateId: a number for the second time, or a name where names have to be distinct.
    """
    rows = _rows(
        data, path, lambda row: len(row) == 2 and _is_id(row[0]) and _is_name(row[1]), "a number, a tab and a name"
    )
    ids, names = [int(i) for i, _ in rows], [name for _, name in rows]
    for values, what in ((ids, "id"), (names, "name"))[: 1 + distinct_names]:
        again = repeated(values)
        if again is not None:
            raise DuplicateId(
                f"{path}:{again + 1}: {what} {values[again]} for the second time; drop one of the two lines"
            )
    return np.array(ids, dtype=np.int64), names


def relation_names(data: bytes, path: Path) -> dict[int, str]:
    """Relation id -> name (``rel_ids``); two relations may bear one name."""
    ids, names = named_ids(data, path, distinct_names=False)
    return dict(zip(ids.tolist(), names, strict=True))


def name_lists(data: bytes, path: Path) -> list[list[str]]:
    """Fields of every line of a text with a name and any number of further ones, tabs between them (``training_attrs_1``)."""
    return _rows(data, path, lambda row: _is_name(row[0]), "a URI and names of attributes with tabs between them")


def repeated(values: Iterable) -> int | None:
    """Index of the first value that occurred before."""
    seen = set()
    return next((i for i, value in enumerate(values) if value in seen or seen.add(value)), None)
