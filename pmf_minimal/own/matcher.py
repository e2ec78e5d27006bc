"""From two graphs and known pairs, or none, to the probable matches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm import tqdm

from pmf_minimal.errors import DataError
from pmf_minimal.own import candidates, learnt, modalities
from pmf_minimal.own.graph import Graph
from pmf_minimal.own.mixture import Pairs
from pmf_minimal.own.posterior import Posterior, fit, start
from pmf_minimal.own.stages import Arrays, Stages, pairs_fit
from pmf_minimal.scale.cluster import Spread

#: Rounds in which matches help to find others.
ROUNDS = 3
#: What graphs are compared by beside features, which may not be called so.
COMPARISONS = ("names", "digits", "values", "images", "context", "structure", "kind", "numbers")
#: Those of them that the matches of the round before decide.
LEARNT = ("structure", "kind", "numbers")
#: How probable a match must be to help.
SURE = 0.5
#: Pairs that are compared at a time.
PART = 2**20


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
    rejected: np.ndarray | None = None,
    many: bool = False,
    first: str | None = None,
    device: str = "cpu",
    progress: bool = True,
    stages: Stages | None = None,
    spread: Spread = map,
) -> Found:
    """Compare, learn, match; then again with what the matches tell of their neighbours.

    Args:
        graphs: left and right.
        known: int64 ``[K, 2]``, numbers of entities that are known to match.
        rejected: int64 ``[R, 2]``, of those that are known not to match; None without any.
        many: several left entities may have one right counterpart.
        first: begin with this comparison alone, names or images; None with all.
        device: where features of pictures are computed.
        progress: show what takes long.
        stages: keep what takes long, and take up what an earlier call kept.
        spread: what searches for candidates and compares them, in parts.

    Raises:
        DataError: there is nothing to compare by.
    """
    stages = stages or Stages()
    swapped = not many and len(graphs[0]) > len(graphs[1])
    rejected = np.zeros((0, 2), np.int64) if rejected is None else rejected
    if swapped:
        graphs, known, rejected = graphs[::-1], known[:, ::-1], rejected[:, ::-1]
    work = _Work(graphs, known, rejected, many, progress, stages, spread)
    given = _given(graphs, device, progress, stages)
    begin = {name: c for name, c in given.items() if first in (None, name)}
    if not any(hasattr(c, "candidates") for c in begin.values()) and not len(known):
        by = f"by {first}" if first else "by: no names, values or features that both have"
        raise DataError(f"these graphs have nothing to compare {by}; give known pairs with --seeds")
    bar = tqdm(total=ROUNDS + 1, desc="align", disable=not progress, leave=False)
    believed = None
    if begin:
        believed = stages("round-0", lambda: work.first(begin), work.fits)
    given |= {"context": around} if (around := learnt.context(graphs, spread)) else {}
    bar.update()
    for k in range(1, ROUNDS):
        believed = stages(f"round-{k}", partial(work.believed, given, believed, k), work.fits)
        bar.update()
    names, pairs, posterior = work.round(given, believed, ROUNDS)
    bar.update()
    bar.close()
    recall = float(pairs.found[pairs.known].mean()) if len(known) else float("nan")
    return Found(pairs, posterior, names, swapped, recall)


@dataclass
class _Work:
    """The rounds of :func:`find`. What one passes on to the next is believed: int64 rows and columns, and float64 probabilities."""

    graphs: list[Graph]
    known: np.ndarray
    rejected: np.ndarray
    many: bool
    progress: bool
    stages: Stages
    spread: Spread

    def __post_init__(self):
        self.fits = pairs_fit([len(graph) for graph in self.graphs])
        self.before: tuple[np.ndarray, list[str], np.ndarray] = (np.zeros(0, np.int64), [], np.zeros((0, 0)))

    def first(self, by: dict[str, object]) -> Arrays:
        """By comparisons that need no match."""
        pairs = self.pairs(by, 0)
        kinds = [graph.kinds for graph in self.graphs]
        decoys = [c.decoys(kinds) if hasattr(c, "decoys") else None for c in by.values()]
        ratio = max(1.0, len(self.graphs[1]) / len(self.graphs[0]))
        return _believed(pairs, fit(pairs, start(pairs, decoys, ratio)))

    def believed(self, given: dict[str, object], before: Arrays | None, number: int) -> Arrays:
        """One more round, and what is believed after it."""
        return _believed(*self.round(given, before, number)[1:])

    def round(self, given: dict[str, object], before: Arrays | None, number: int) -> tuple[list[str], Pairs, Posterior]:
        """By what is believed before, too: names of the comparisons, candidates, and their posterior."""
        row, column, p = before or (*self.known.T, np.ones(len(self.known)))
        sure = p > SURE
        by = given | _learnt(self.graphs, row[sure], column[sure], p[sure])
        pairs = self.pairs(by, number)
        guess = pairs.known.astype(float)
        if before:
            width = len(self.graphs[1])
            guess = learnt.looked_up(row * width + column, p, pairs.row * width + pairs.column)
        return list(by), pairs, fit(pairs, guess)

    def pairs(self, by: dict[str, object], number: int) -> Pairs:
        """Candidates of all comparisons, known pairs among them, with their similarities."""
        graphs, known, width = self.graphs, self.known, len(self.graphs[1])
        searched = [self.search(name, c, number) for name, c in by.items() if hasattr(c, "candidates")]
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
        is_known, is_rejected = (candidates.marked(key, x[:, 0] * width + x[:, 1]) for x in (known, self.rejected))
        ours = np.isin(np.arange(len(graphs[0])), known[:, 0])  # rows whose pair is known
        found = ~is_known
        for i, j in searched:
            found |= candidates.marked(key, i[ours[i]] * width + j[ours[i]])
        # Filled column by column: it is the largest thing here.
        similarity = np.empty((len(by), len(row)), np.float32).T
        for k, (name, comparison) in enumerate(by.items()):
            similarity[:, k] = self.compared(name, comparison, row, column, key)
        self.before = key, list(by), similarity
        kind = graphs[0].kinds[np.unique(row)]
        return Pairs(row, column, similarity, is_known, found, self.many, kind, is_rejected)

    def compared(self, name: str, comparison, row: np.ndarray, column: np.ndarray, key: np.ndarray) -> np.ndarray:
        """float32 ``[P]``: similarities, taken from the round before where matches do not change them."""
        keys, names, known = self.before
        if name in LEARNT or name not in names:
            return self.similarity(comparison, row, column)
        place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        out, new = known[place, names.index(name)], np.flatnonzero(keys[place] != key)
        out[new] = self.similarity(comparison, row[new], column[new])
        return out

    def similarity(self, comparison, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """float32 ``[P]``, some pairs at a time."""
        parts = (slice(start, start + PART) for start in range(0, len(row), PART))
        found = self.spread(partial(_similar, comparison), ((row[part], column[part]) for part in parts))
        return np.concatenate([np.zeros(0, np.float32), *found])

    def search(self, name: str, comparison, number: int) -> Arrays:
        """The candidates of one comparison, of which the matches around alone are others in each round."""
        if comparison.searched is None:
            told = name if self.progress else None
            stage = f"candidates-{number}" if name == "structure" else f"candidates-of-{_hashed(name)}"
            comparison.searched = self.stages(
                stage, lambda: _int64(comparison.candidates(candidates.NEAREST, told, self.spread)), self.fits
            )
        return comparison.searched


def _believed(pairs: Pairs, posterior: Posterior) -> Arrays:
    """Row, column and probability of all matches that are possible, sorted as the pairs are."""
    some = posterior.pair[posterior.probability > 0]
    return pairs.row[some], pairs.column[some], posterior.probability[posterior.probability > 0]


def _similar(comparison, pairs: Arrays) -> np.ndarray:
    return comparison.similarity(*pairs)


def _int64(pairs: Arrays) -> Arrays:
    return tuple(x.astype(np.int64) for x in pairs)


def _hashed(name: str) -> str:
    """What a file may be called, whatever a user calls the features."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _given(graphs: list[Graph], device: str, progress: bool, stages: Stages) -> dict[str, object]:
    """What can be compared before any match is known."""
    found = {
        "names": modalities.names(graphs),
        "digits": modalities.digits(graphs),
        "values": modalities.values(graphs),
        "images": modalities.images(graphs, device, progress, stages),
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
