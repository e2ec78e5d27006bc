"""How many candidates, and how much memory and time, an alignment takes: told from what two graphs hold, before they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pmf_minimal.errors import DataError
from pmf_minimal.own.candidates import CELLS, MANY, NEAREST
from pmf_minimal.own.graph import Graph
from pmf_minimal.own.learnt import words_each
from pmf_minimal.scale.memory import free_bytes, resident_bytes

#: Bytes for each letter of names and values, word around an entity, number of a feature, candidate, and product of a block of them; bytes
#: of whatever is loaded on the way; seconds of one core for each candidate. Measured on synthetic worlds of 1,000 to 1,000,000 entities a side.
LETTER, WORD, NUMBER, CANDIDATE, PRODUCT, OTHER, SECONDS = 24, 8, 8, 120, 16, 1e8, 5.5e-5
#: Candidates of an entity by one comparison where there are many entities, about.
SOME = 10
#: What a prediction may be wrong by: so much more than is free is refused.
ERROR = 1.25


@dataclass
class Plan:
    """What is expected of an alignment.

    Attributes:
        entities: of the left and the right graph.
        candidates: pairs that are compared in full, at most.
        bytes: peak memory of the process.
        more: what of that it does not have yet.
        seconds: of one core, roughly.
    """

    entities: tuple[int, int]
    candidates: int
    bytes: float
    more: float
    seconds: float

    def __str__(self) -> str:
        left, right = self.entities
        time = "Less than a minute" if self.seconds < 60 else f"About {self.seconds / 60:.0f} min"
        return (
            f"{left:,} and {right:,} entities, up to {self.candidates:,} candidate pairs. Peak memory {self.bytes / 1e9:.1f} GB, of which "
            f"{self.more / 1e9:.1f} GB are still to come and {free_bytes() / 1e9:.1f} GB are free. {time} of "
            "one core; graphs of twice the size take a little more than twice the time and twice the memory."
        )


def predict(graphs: Sequence[Graph]) -> Plan:
    """The plan of both graphs."""
    sizes = tuple(map(len, graphs))
    named, told, linked = (
        all(map(has, graphs)) for has in (lambda g: any(g.names), lambda g: len(g.values), lambda g: len(g.links))
    )
    features = [m for m in graphs[0].features if m in graphs[1].features]
    pictured = all(graph.images for graph in graphs)
    searches = named + told + linked * (1 + (named or told)) + len(features) + pictured
    rows = min(sizes)
    candidates = min(rows * (NEAREST if rows <= MANY else SOME) * searches, sizes[0] * sizes[1])
    names, values = (sum(map(count, graphs)) for count in (_letters, lambda g: int(g.values["value"].str.len().sum())))
    more = OTHER + LETTER * (names * (named + told) + values * told) + CANDIDATE * candidates
    more += PRODUCT * min(CELLS, sizes[0] * sizes[1])
    if linked and (named or told):
        more += WORD * sum(map(_words, graphs))
    more += NUMBER * sum(g.features[m].size for g in graphs for m in features)
    return Plan(sizes, candidates, resident_bytes() + more, more, SECONDS * candidates)


def check(plan: Plan) -> str | None:
    """A sentence if there may be too little memory, None if there is enough.

    Raises:
        DataError: there certainly is too little.
    """
    have = free_bytes()
    if plan.more <= have:
        return None
    told = (
        f"this alignment is expected to take {plan.more / 1e9:.1f} GB more of memory, and {have / 1e9:.1f} GB are free"
    )
    if plan.more > ERROR * have:
        raise DataError(f"{told}; free some, take a larger machine, or align a part of the graphs")
    return f"{told}; it may just fit"


def _letters(graph: Graph) -> int:
    return sum(len(name) for some in graph.names for name in some)


def _words(graph: Graph) -> int:
    """Words around all entities, about: those of the entities that they reach, and no more than are kept."""
    reached = sum(x.nnz for x in graph.reach)
    texts = _letters(graph) + int(graph.values["value"].str.len().sum())
    return int(min(reached * texts / 8 / max(len(graph), 1), words_each(graph) * len(graph)))
