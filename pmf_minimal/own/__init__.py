"""Graphs of your own: read them, align them, know how far to rely on the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal.datasets.escape import one_line, printable
from pmf_minimal.own.alignment import Alignment, check_precision, read_settings
from pmf_minimal.own.clean import clean
from pmf_minimal.own.features import read_features
from pmf_minimal.own.frames import SIDES, check_tables, from_frames
from pmf_minimal.own.graph import Graph, graphs_of
from pmf_minimal.own.matcher import COMPARISONS, find
from pmf_minimal.own.names import without_terms
from pmf_minimal.own.pairs import known_pairs, read_pairs
from pmf_minimal.own.plan import Plan, check, predict
from pmf_minimal.own.read import read_graph
from pmf_minimal.own.stages import Stages
from pmf_minimal.own.tables import Tables
from pmf_minimal.own.verdicts import rejected_pairs
from pmf_minimal.scale.cluster import check_address, spreading

__all__ = [
    "Alignment", "Plan", "Stages", "Tables", "align", "from_frames", "planned", "read_features", "read_graph", "read_pairs",
    "read_settings",
]  # fmt: skip


def align(
    left: Tables | pd.DataFrame | str | Path,
    right: Tables | pd.DataFrame | str | Path,
    seeds: pd.DataFrame | list | str | Path | None = None,
    *,
    start: str | None = None,
    precision: float = 0.9,
    many: bool = False,
    device: str = "auto",
    progress: bool = True,
    stages: Stages | None = None,
    dask: str | None = None,
) -> Alignment:
    """Align two graphs of your own.

    Args:
        left, right: file or folder, see :func:`read_graph`; or a DataFrame of triples (head, relation, tail); or
            ``own.Tables``, which can hold names, attributes and features too.
        seeds: known pairs: a file, a DataFrame of two columns, or a list of pairs of ids. None if none is known. Pairs whose column
            ``verdict`` says rejected, as a report saves them, are known not to match.
        start: find the first matches by ``names`` or ``images`` alone; None by all that can be compared.
        precision: that the kept matches should have, by the estimate.
        many: several left entities may have one right counterpart.
        device: where features of pictures are computed, ``auto``, ``cpu`` or ``cuda``.
        progress: show what takes long.
        stages: keeps what takes long, so that the same call goes on after a halt; None keeps nothing.
        dask: address of a Dask scheduler whose workers, which need the package, search and compare; the matches are the same.

    Returns:
        ``matches`` (all), ``kept`` and ``thresholds``, DataFrames; ``describe(side, uri)``; ``save(folder)``.

    Raises:
        DataError: a file or table that cannot be used; nothing to compare by; no scheduler at the address.
    """
    check_precision(precision)
    check_address(dask)
    name = "your graphs"
    both = [_tables(graph) for graph in (left, right)]
    pairs = [] if seeds is None else read_pairs(Path(seeds), *both) if isinstance(seeds, str | Path) else seeds
    graphs, notes = _graphs(both, name)
    del left, right, both  # large tables; what is compared is in the graphs
    known, remarks = known_pairs(pairs, [graph.number for graph in graphs], name, many=many)
    rejected = rejected_pairs(pairs, [graph.number for graph in graphs], known, name)
    usable = ~graphs[0].blank[known[:, 0]] & ~graphs[1].blank[known[:, 1]] if len(known) else np.zeros(0, bool)
    plan = predict(graphs)
    if doubt := check(plan):
        remarks.append(doubt)
    stages = stages or Stages()
    settings = {"many": many, "start": start}
    stages.begin(graphs, known[usable], settings | {"device": device, "rejected": rejected.tolist()})
    options = {"many": many, "first": start, "device": device, "progress": progress}
    with spreading(dask) as spread:
        found = find(graphs, known[usable], rejected=rejected, **options, stages=stages, spread=spread)
    notes = [*notes, *remarks, *_remarks(graphs)]
    settings["rejected"] = [[graphs[0].ids[i], graphs[1].ids[j]] for i, j in rejected]
    return Alignment(graphs, found, precision, [printable(note) for note in notes], settings, plan)


def planned(left: Tables | pd.DataFrame | str | Path, right: Tables | pd.DataFrame | str | Path) -> Plan:
    """What :func:`align` of the same two graphs is expected to take; they are read, and not compared.

    Raises:
        DataError: as :func:`align`.
    """
    return predict(_graphs([left, right], "your graphs")[0])


def _graphs(both: list, name: str) -> tuple[list[Graph], list[str]]:
    """Both graphs, and sentences on what was left out of them and what is strange."""
    both = [_tables(graph) for graph in both]
    both = [clean(tables, f"{name}, {word} graph") for word, tables in zip(SIDES, both, strict=True)]
    both = [without_terms(tables, f"{name}, {word} graph") for word, tables in zip(SIDES, both, strict=True)]
    both, notes = check_tables(both, name, COMPARISONS)
    return graphs_of(*both), [*both[0].notes, *both[1].notes, *notes]


def _tables(graph: Tables | pd.DataFrame | str | Path) -> Tables:
    if isinstance(graph, Tables):
        return graph
    return Tables(graph) if isinstance(graph, pd.DataFrame) else read_graph(Path(graph))


def _remarks(graphs) -> list[str]:
    """Sentences on what the entities are called by, and on those that are never matched."""
    notes = []
    for word, graph in zip(SIDES, graphs, strict=True):
        if graph.name_properties:
            notes.append(
                f"names of the {word} graph are taken from {', '.join(one_line(p, 100) for p in graph.name_properties[:5])}"
            )
        if blank := int(graph.blank.sum()):
            notes.append(
                f"{blank} of {len(graph)} entities of the {word} graph are blank nodes; no other file could name "
                "them, so they are never matched"
            )
    return notes
