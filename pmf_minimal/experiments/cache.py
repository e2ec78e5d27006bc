"""The cache of experiments: a JSON file for each run, whole or not there."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

from pmf_minimal.datasets.files import open_regular
from pmf_minimal.errors import DataError, DataWarning, MissingFile
from pmf_minimal.runs.files import write_json

_PARTS = {"measures": dict, "history": list, "seconds": float, "machine": str, "versions": str}


def read(file: Path) -> dict | None:
    """The result of a run, or None where it was not run; a file that is damaged counts as none, with a warning.

    Returns:
        What :func:`runner.run_cell` gave.
    """
    if not os.path.exists(file):
        return None
    try:
        with open_regular(file, fix="name another --cache") as (opened, size):
            result = json.loads(opened.read(size).decode("utf-8"))
        whole = isinstance(result, dict) and all(isinstance(result.get(k), kind) for k, kind in _PARTS.items())
        whole = whole and all(map(_is_number, result["measures"].values())) and all(map(_is_epoch, result["history"]))
    except MissingFile:
        raise
    except (OSError, ValueError, RecursionError):  # cut off, no text, or no JSON
        whole = False
    if not whole:
        warnings.warn(DataWarning(f"{file}: damaged, so this run is made again"), stacklevel=2)
        return None
    return result


def _is_number(value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63  # what a table can hold
    return whole or isinstance(value, float | None)


def _is_epoch(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("epoch"), int)


def write(file: Path, result: dict) -> None:
    """Write the result of a run; it survives a power cut, or is not there.

    Raises:
        DataError: there is no room for it, or no right to write it.
    """
    try:
        write_json(file, result)
    except OSError as error:
        raise DataError(
            f"{file}: cannot be written ({error.strerror}); what was run before is kept, the same command goes on"
        ) from None
