"""The cache of experiments: a JSON file for each run, whole or not there, and one experiment at a time."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError, DataWarning
from pmf_minimal.runs.files import write_json

with extra("experiments"):
    from filelock import SoftFileLock, Timeout

_PARTS = {"measures": dict, "history": list, "seconds": float, "machine": str, "versions": str}


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Only one process at a time; what a killed one left behind does not count.

    Args:
        path: the lock file, which holds the number of the process that has it.
        what: the folder that is locked, in words for the message.

    Raises:
        DataError: another process is at it, or no file can be made there.
    """
    lock = SoftFileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=1)
    except Timeout:
        raise DataError(
            f"{what}: another experiment uses it (process {lock.pid}); wait for its end or name another folder. If no such "
            f"process runs on any machine, remove {path}"
        ) from None
    except OSError as error:
        raise DataError(f"{what}: no folder to write in ({error.strerror or error}); name another") from None
    try:
        yield
    finally:
        lock.release()


def read(file: Path) -> dict | None:
    """The result of a run, or None where it was not run; a file that is damaged counts as none, with a warning.

    Returns:
        What :func:`runner.run_cell` gave.
    """
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        whole = isinstance(result, dict) and all(isinstance(result.get(k), kind) for k, kind in _PARTS.items())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); name another --cache") from None
    except (ValueError, RecursionError):  # cut off, no text, or no JSON
        whole = False
    if not whole:
        warnings.warn(DataWarning(f"{file}: damaged, so this run is made again"), stacklevel=2)
        return None
    return result


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
