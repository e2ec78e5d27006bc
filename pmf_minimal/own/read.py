"""Graphs of your own from whatever they lie in."""

from __future__ import annotations

import os
from pathlib import Path

from pmf_minimal.errors import MissingFile
from pmf_minimal.own import rdf, records
from pmf_minimal.own.tables import Tables, read_folder


def read_graph(path: str | Path, lenient: bool = False) -> Tables:
    """One graph from a folder of tables, one table, or an RDF file.

    See :func:`~pmf_minimal.own.tables.read_folder`, :mod:`~pmf_minimal.own.records` and :mod:`~pmf_minimal.own.rdf`, which says what
    ``lenient`` does.
    """
    path = Path(path)
    if os.path.isdir(path):
        return read_folder(path)
    if not os.path.exists(path):
        raise MissingFile(f"{path}: this file or folder does not exist; check the path")
    if path.suffix.lower() in records.ENDINGS:
        return records.read(path)
    return rdf.read(path, lenient)
