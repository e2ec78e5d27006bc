"""From two graphs and known pairs, or none, to the probable matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from pmf_minimal.errors import DataError
from pmf_minimal.own import candidates, learnt, modalities
from pmf_minimal.own.graph import Graph
from pmf_minimal.own.mixture import Pairs
from pmf_minimal.own.posterior import Posterior, fit, start

#: Rounds in which matches help to find others.
ROUNDS = 3
#: How probable a match must be to help.
SURE = 0.5


@dataclass
class Found:
    """What was found: candidate pairs, the posterior of their rows, and by what they were compared.

    Attributes:
        swapped: the rows are the right graph's entities, since it is the smaller one.
        names: of the comparisons, columns of ``pairs.similarity``.
        recall: share of the known pairs that the search for candidates found; NaN without any.
    """

    pairs: Pairs
    posterior: Posterior
    names: list[str]
    swapped: bool
    recall: float


def find(
    graphs: list[Graph],
    known: np.ndarray,
    *,
    many: bool = False,
    first: str | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Found:
    """Compare, learn, match; then again with what the matches tell of their neighbours.

    Args:
        graphs: left and right.
        known: int64 ``[K, 2]``, numbers of entities that are known to match.
        many: several left entities may have one right counterpart.
        first: begin with this comparison alone, names or images; None with all.
        device: where features of pictures are computed.
        progress: show what takes long.

    Raises:
        DataError: there is nothing to compare by.
    """
    swapped = not many and len(graphs[0]) > len(graphs[1])
    if swapped:
        graphs, known = graphs[::-1], known[:, ::-1]
    given = _given(graphs, device, progress)
    begin = {name: c for name, c in given.items() if first in (None, name)}
    if not any(hasattr(c, "candidates") for c in begin.values()) and not len(known):
        by = f"by {first}" if first else "by: no names, values or features that both have"
        raise DataError(f"these graphs have nothing to compare {by}; give known pairs with --seeds")
    told = (lambda what: what) if progress else (lambda what: None)
    bar = tqdm(total=ROUNDS + 1, desc="align", disable=not progress, leave=False)
    pairs, posterior = None, None
    if begin:
        pairs = _pairs(graphs, begin, known, many, told)
        kinds = [graph.kinds for graph in graphs]
        decoys = [c.decoys(kinds) if hasattr(c, "decoys") else None for c in begin.values()]
        posterior = fit(pairs, start(pairs, decoys, max(1.0, len(graphs[1]) / len(graphs[0]))))
    around = learnt.context(graphs)
    bar.update()
    for _ in range(ROUNDS):
        p = known[:, 0], known[:, 1], np.ones(len(known))
        if posterior is not None:
            p = _sure(pairs, posterior)
        now = given | ({"context": around} if around else {}) | _learnt(graphs, *p)
        old, pairs = pairs, _pairs(graphs, now, known, many, told)
        posterior = fit(pairs, _carried(pairs, old, posterior, len(graphs[1])))
        begin = now
        bar.update()
    bar.close()
    recall = float(pairs.found[pairs.known].mean()) if len(known) else float("nan")
    return Found(pairs, posterior, list(begin), swapped, recall)


def _given(graphs: list[Graph], device: str, progress: bool) -> dict[str, object]:
    """What can be compared before any match is known."""
    found = {
        "names": modalities.names(graphs),
        "digits": modalities.digits(graphs),
        "values": modalities.values(graphs),
        "images": modalities.images(graphs, device, progress),
    }
    for name in (m for m in graphs[0].features if m in graphs[1].features):
        found[name] = modalities.features(graphs, name)
    return {name: comparison for name, comparison in found.items() if comparison is not None}


def _learnt(graphs: list[Graph], row: np.ndarray, column: np.ndarray, p: np.ndarray) -> dict[str, object]:
    """What can be compared by what is known of matches: the matches around, kinds, and numbers."""
    found = {"structure": learnt.matches_around(graphs, row, column)}
    if len(row):
        found["kind"] = learnt.Kinds(graphs, row, column, p)
        numbers = learnt.Numbers(graphs, row, column)
        found["numbers"] = numbers if numbers.pairs else None
    return {name: comparison for name, comparison in found.items() if comparison is not None}


def _pairs(graphs: list[Graph], by: dict, known: np.ndarray, many: bool, told: Callable) -> Pairs:
    """Candidates of all comparisons, known pairs among them, with their similarities."""
    width = len(graphs[1])
    searched = [c.candidates(candidates.NEAREST, told(name)) for name, c in by.items() if hasattr(c, "candidates")]
    row, column = candidates.distinct([*searched, known.T], width)
    possible = ~graphs[0].blank[row] & ~graphs[1].blank[column]
    row, column = row[possible], column[possible]
    if any(graph.blank.all() for graph in graphs):
        raise DataError(
            "all entities of one graph are blank nodes, which no other file could name, so they are never matched; give them IRIs"
        )
    if not len(row):
        raise DataError("not one pair of entities has anything in common; give known pairs with --seeds")
    key = row * width + column
    found = np.isin(key, np.concatenate([i.astype(np.int64) * width + j for i, j in searched] or [key[:0]]))
    similarity = np.stack([c.similarity(row, column) for c in by.values()], axis=1)
    return Pairs(row, column, similarity, np.isin(key, known[:, 0] * width + known[:, 1]), found, many)


def _sure(pairs: Pairs, posterior: Posterior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and probability of the matches that are probable enough to help."""
    sure = posterior.pair[posterior.probability > SURE]
    return pairs.row[sure], pairs.column[sure], posterior.probability[posterior.probability > SURE]


def _carried(pairs: Pairs, old: Pairs | None, posterior: Posterior | None, width: int) -> np.ndarray:
    """float64 ``[P]``: the posterior of these pairs among other candidates."""
    if old is None:
        return pairs.known.astype(float)
    keys, key = old.row * width + old.column, pairs.row * width + pairs.column
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.where(keys[place] == key, posterior.of_pairs(old)[place], 0.0)
