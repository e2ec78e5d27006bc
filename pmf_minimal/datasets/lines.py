"""The field's text files, line by line: whatever is wrong is named with its file, its line and the mend.

A file is UTF-8; a byte order mark at its start, Windows line ends and a missing last line end make no difference.
Every other departure from the form of a file is an error: nothing is guessed, and no line is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pmf_minimal.errors import DuplicateId, EmptyFile, MalformedLine, MissingFile, NotUTF8

_ID = rb"[0-9]{1,18}"  # what fits into 64 bits
_NAME = rb"[^\t\n\r\0]*[^\s\0][^\t\n\r\0]*"  # something besides spaces


def content(path: Path) -> bytes:
    """All bytes of a file, less the byte order mark.

    Raises:
        MissingFile: it is not there or may not be read.
        EmptyFile: it has nothing but white space.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingFile(f"{path}: this file is missing or may not be read ({error.strerror}); get it again") from None
    if not data.strip():
        raise EmptyFile(f"{path}: the file is empty; get it again")
    return data.removeprefix(b"\xef\xbb\xbf")


def decode(data: bytes, path: Path) -> str:
    """UTF-8 text; NotUTF8 names the first line that is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotUTF8(f"{path}:{line}: not UTF-8 text; convert the file to UTF-8") from None


def _lines(data: bytes, path: Path, form: bytes, expected: str) -> list[str]:
    """The lines of a text, each of which has the form, a regular expression."""
    text = decode(data, path)
    bad = re.search(rb"(?m)^(?!" + form + rb"\r?$)", data.removesuffix(b"\n"))
    if bad:
        line = data.count(b"\n", 0, bad.start()) + 1
        raise MalformedLine(f"{path}:{line}: expected {expected}; mend or drop the line")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def numbers(data: bytes, path: Path, width: int) -> np.ndarray:
    """int64 ``[lines, width]`` of a text with so many numbers in each line, tabs between them (``triples_1``)."""
    lines = _lines(data, path, rb"\t".join([_ID] * width), f"{width} numbers with tabs between them")
    return np.fromstring(" ".join(lines), dtype=np.int64, sep=" ").reshape(-1, width)


def named_ids(data: bytes, path: Path, distinct_names: bool = True) -> tuple[np.ndarray, list[str]]:
    """Ids, int64 ``[n]``, and names of a text with a number, a tab and a name in each line (``ent_ids_1``, ``rel_ids``).

    Raises:
        DuplicateId: a number for the second time, or a name where names have to be distinct.
    """
    rows = [line.split("\t") for line in _lines(data, path, _ID + rb"\t" + _NAME, "a number, a tab and a name")]
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
    form = _NAME + rb"(?:\t[^\t\n\r\0]*)*"
    return [
        line.split("\t") for line in _lines(data, path, form, "a URI and names of attributes with tabs between them")
    ]


def repeated(values: Iterable) -> int | None:
    """Index of the first value that occurred before."""
    seen = set()
    return next((i for i, value in enumerate(values) if value in seen or seen.add(value)), None)
