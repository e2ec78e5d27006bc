"""How every reader opens a file, and how much an input may ask for: all limits are checked before the work.

A name may stand for a pipe, a device or a file without end; a header of a hundred bytes may claim more numbers than any machine
holds. None of them is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pmf_minimal.datasets.escape import one_line
from pmf_minimal.errors import BadFeatures, DamagedFile, EmptyFile, MissingFile

MAX_TEXT = 2**32  # bytes of a text file that is read whole
MAX_FEATURES = 2**34  # bytes of a file of features
MAX_WIDTH = 2**16  # numbers of one feature; the widest network here gives 4,096
MAX_NUMBERS = 2**33  # numbers of one modality, 32 GiB
MAX_LINE = 2**24  # bytes of a line, where a file is read line by line


@contextmanager
def open_regular(path: Path, limit: int = MAX_TEXT, fix: str = "get it again") -> Iterator[tuple[BinaryIO, int]]:
    """Open a file for reading bytes.

    Args:
        limit: size in bytes above which it is refused.
        fix: what to do where the file is not there.

    Returns:
        The file and its size. A reader that asks for no more than this size ends even where the file does not.

    Raises:
        MissingFile: it is not there or may not be read. DamagedFile: it is a folder, a pipe or a device, or larger than the
            limit. EmptyFile: it has no bytes.
    """
    try:
        # Asked before it is opened: opening a pipe waits for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DamagedFile(f"{path}: a folder, a pipe or a device, and not a file; name a file")
        file = path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        if isinstance(error, DamagedFile):
            raise
        why = getattr(error, "strerror", None) or error
        raise MissingFile(f"{path}: this file is missing or may not be read ({why}); {fix}") from None
    with file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise EmptyFile(f"{path}: the file is empty; get it again")
        if size > limit:
            raise DamagedFile(f"{path}: {size:,} bytes, and at most {limit:,} are read; use a part of it")
        yield file, size


def product(shape: Sequence[int], limit: int) -> int | None:
    """Number of elements of an array, or None where it is above the limit.

    ``math.prod`` of a shape that a file made up may take for ever: fifteen thousand numbers of a thousand digits each.
    """
    if len(shape) > 32 or min(shape, default=0) < 0:
        return None
    total = 1
    for n in sorted(shape):  # zero first: then the rest does not matter
        total *= n
        if total > limit:
            return None
    return total


def zero_matrix(n: int, width: int, where: str) -> np.ndarray:
    """float32 ``[n, width]`` of zeros; BadFeatures where no model could use so many numbers."""
    if width > MAX_WIDTH or n * width > MAX_NUMBERS:
        raise BadFeatures(
            f"{where}: {width:,} numbers for each of {n:,} entities; give at most {min(MAX_WIDTH, MAX_NUMBERS // n):,}"
        )
    return np.zeros((n, width), np.float32)


def because(error: BaseException, limit: int = 200) -> str:
    """What a library says of a hostile file, in one line of bounded length."""
    return one_line(str(error), limit)
