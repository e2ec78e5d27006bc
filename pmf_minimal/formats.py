"""The version of the files that a run leaves: an older package says so, instead of misreading a newer folder."""

from __future__ import annotations

from pathlib import Path

from pmf_minimal.errors import DataError

#: Of ``config.json``, ``metrics.json``, ``state.json`` and ``run.json``; raised when one of them gets another meaning.
FORMAT = 2


def check(facts: dict, path: Path | str, oldest: int = 1) -> None:
    """Whether this package can read what a file says; a file without a version is of the first.

    Args:
        facts: what the file holds.
        path: the file, for the message.
        oldest: the oldest version that can still be read.

    Raises:
        DataError: a newer or too old a version.
    """
    found = facts.get("format", 1)
    if found > FORMAT:
        raise DataError(f"{path}: format {found}, this version reads up to {FORMAT}; install a newer pmf-minimal")
    if found < oldest:
        raise DataError(f"{path}: format {found}, this version reads from {oldest} on; make the folder again")
