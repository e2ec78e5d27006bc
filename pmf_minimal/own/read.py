"""Graphs of your own from whatever they lie in."""

from __future__ import annotations

from pathlib import Path

from pmf_minimal.errors import DamagedFile, MissingFile
from pmf_minimal.own import rdf
from pmf_minimal.own.tables import Tables, read_folder


def read_graph(path: Path) -> Tables:
    """One graph from a folder of tables (:func:`~pmf_minimal.own.tables.read_folder`) or an RDF file (:mod:`~pmf_minimal.own.rdf`)."""
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise MissingFile(f"{path}: this file or folder does not exist; check the path")
    if path.suffix.lower() in (".csv", ".tsv"):
        raise DamagedFile(f"{path}: a table, and a graph is a folder of tables; give the folder that holds it")
    return rdf.read(path)
