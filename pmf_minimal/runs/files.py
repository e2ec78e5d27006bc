"""Files that appear whole or not at all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from pmf_minimal.datasets.files import MAX_FEATURES, MAX_TEXT, because, open_regular
from pmf_minimal.datasets.folders import MARK
from pmf_minimal.errors import DamagedFile, DataError, EmptyFile, NotWritable


def move_into_place(part: Path, path: Path) -> None:
    """Put a finished file under its name; a power cut leaves the old one or the new one."""
    with part.open("r+b") as file:  # Windows syncs only what may be written
        os.fsync(file.fileno())
    os.replace(part, path)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A file that takes its name when all of it is written; of one that cannot be finished nothing stays on the disk.

    Returns:
        The file to write, beside its place. Nothing is there, neither a pipe nor a link to somewhere else.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    try:
        yield part
        move_into_place(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """A text in UTF-8, whole or not at all.

    Raises:
        NotWritable: the disk is full, or may not be written to.
    """
    try:
        with new_file(path) as part:
            part.write_text(text, "utf-8")
    except OSError as error:
        raise NotWritable(f"{path}: cannot be written ({error.strerror or error}); make room") from None


def write_json(path: Path, facts: dict) -> None:
    """A JSON file, whole or not at all."""
    with new_file(path) as part:
        part.write_text(json.dumps(facts), "utf-8")


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """A safetensors file, marked as ours, readable for whom the folder is readable."""
    with new_file(path) as part:
        try:
            save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, metadata={MARK: "1"})
        except SafetensorError as error:  # so it calls a full disk
            raise OSError(str(error)) from None
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)  # safetensors leaves it to its owner alone


def is_ours(path: Path) -> bool:
    """Whether a file of tensors was written by :func:`write_tensors`."""
    try:
        with open_regular(path, MAX_FEATURES), safe_open(path, "pt") as file:
            return MARK in (file.metadata() or {})
    except (SafetensorError, OSError, DataError):
        return False


@contextmanager
def _opened(path: Path, limit: int = MAX_TEXT) -> Iterator[tuple[BinaryIO, int]]:
    """A file of a run and its size; whatever it provokes is said in one sentence.

    Raises:
        DataError: MissingFile; DamagedFile, it is something else than a run writes.
    """
    try:
        with open_regular(path, limit, "give the folder of a finished run") as opened:
            yield opened
    except EmptyFile:
        raise DamagedFile(f"{path}: is empty; make the folder again") from None
    except DataError:
        raise
    except Exception as error:  # whatever a damaged file provokes
        raise DamagedFile(f"{path}: not readable ({because(error)}); make the folder again") from None


def read_json(path: Path) -> dict:
    """A JSON object; errors as for the other readers of a run: MissingFile, DamagedFile."""
    with _opened(path) as (file, size):
        facts = json.loads(file.read(size).decode("utf-8"))
        if not isinstance(facts, dict):
            raise ValueError("no object")
    return facts


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; errors as for :func:`read_json`."""
    with _opened(path, MAX_FEATURES):
        return load_file(path)


def read_table(path: Path, **options) -> pd.DataFrame:
    """A CSV table, with options of ``pandas.read_csv``; errors as for :func:`read_json`."""
    with _opened(path) as (file, size):
        return pd.read_csv(io.BytesIO(file.read(size)), **options)
