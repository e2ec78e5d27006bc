"""Two made-up views of one made-up world, of any size, with everything known about them.

There is one underlying world: things, facts between them, types that they have, and how they look. Each graph sees a part of
it, in words of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import normalize

from pmf_minimal.datasets.faults import corrupt, named_shares
from pmf_minimal.graphs import GraphPair

RELATIONS, TYPES, WIDTH = 40, 400, 64  # kinds of facts; latent types; numbers of an image feature
TYPES_EACH = 5  # types of a thing, on average
WAYS = 8  # in which looks differ: the fewer, the more things look alike by chance
BLUR = 0.05  # of a number in a view; the numbers are spread over 0 to 1
NOISE = 2.5  # of a view, beside the numbers of a look, which are about 3.5
CLUSTER = 10  # things that look alike
OUTSIDE = 1000  # looks of things that neither graph knows


def generate(
    n: int = 1500,
    degree: float = 6.0,
    survives: float = 0.7,
    dangling: float = 0.2,
    spoilt: dict[str, dict] | None = None,
    seed: int = 0,
) -> GraphPair:
    """Make two graphs with known counterparts and known faults.

    * **Structure**: facts between things of which few are in many and many in few (a power law, exponent 2.5). Each graph
      keeps each fact with probability ``survives``, independently, and names relations in a vocabulary of its own.
    * **Attributes**: latent types, some frequent and some rare; each graph keeps each with probability ``survives`` and
      has a word of its own for every type. To each that a thing has belongs a number, which both graphs know, blurred:
      ``numbers``.
    * **Images**: a centre for every cluster of things that look alike, the thing's own look about it, and each graph's
      noise on top. ``outside`` holds looks from clusters that occur in neither graph.
    * **Dangling** things are known to one graph only, as many to the left as to the right.

    Ids, order of entities, triples and pairs are dealt at random, for each graph anew.

    Args:
        n: entities of each graph.
        degree: facts of a thing of the world, on average, at its head or tail.
        survives: what each graph keeps.
        dangling: share of each graph's entities without a counterpart.
        spoilt: modality -> arguments of ``faults.corrupt`` for it, such as ``{"image": {"foreign": 0.3, "hard": True}}``.
        seed: decides everything.

    Returns:
        The graphs with all pairs, no split yet; ``relevant`` is known for all modalities, ``faults`` and ``donor`` for
        those spoilt.

    Raises:
        ValueError: sizes or shares that leave nothing, or nonsense for ``corrupt``.
    """
    shared = shared_things(n, degree, survives, dangling)
    rng = np.random.default_rng(seed)
    numbers = np.random.default_rng([seed, 1])  # drawn apart: the rest is the same with and without numbers
    alone = np.arange(
        shared, 2 * n - shared
    )  # things: shared ones, then those of the left alone, then those of the right
    views = [rng.permutation(np.append(np.arange(shared), part)) for part in np.split(alone, 2)]  # row -> thing
    world = _world(rng, numbers, 2 * n - shared, degree)
    graphs = _pair(rng, [_view(rng, numbers, world, things, k, survives) for k, things in enumerate(views)], shared)
    # Clusters of their own. They stand one after the other, so that the two halves share one at most.
    count = min(OUTSIDE, n)
    outside = _looks(rng, count, np.arange(count) // CLUSTER) @ world.ways
    outside += NOISE * rng.standard_normal((count, WIDTH), dtype=np.float32)
    graphs.outside = {"image": normalize(torch.from_numpy(outside))}
    for modality, faults in (spoilt or {}).items():
        graphs = corrupt(graphs, modality, **{"seed": seed} | faults)
    return graphs


def shared_things(n: int, degree: float, survives: float, dangling: float) -> int:
    """How many things both graphs know; errors as :func:`generate`."""
    shared = round(n * (1 - dangling))
    if n < 20 or degree <= 0 or not 0 < survives <= 1 or not 0 <= dangling < 1 or shared < 4:
        raise ValueError(
            f"n={n}, degree={degree}, survives={survives}, dangling={dangling}: give at least 20 entities, a degree above "
            "0, survives in (0, 1] and dangling in [0, 1), so that at least 4 pairs are left"
        )
    return shared


@dataclass(frozen=True)
class _World:
    """What there is: facts (ends ``[2, F]`` and kind ``[F]``), types with numbers (one a holder), and looks."""

    ends: np.ndarray
    kind: np.ndarray
    holder: np.ndarray
    types: np.ndarray
    number: np.ndarray
    ways: np.ndarray
    look: np.ndarray


def _world(rng: np.random.Generator, numbers: np.random.Generator, size: int, degree: float) -> _World:
    ends, kind = facts(rng, size, degree)
    frequency = 1 / (np.arange(TYPES) + 10)
    holder = np.repeat(np.arange(size), TYPES_EACH)
    types = rng.choice(TYPES, size=len(holder), p=frequency / frequency.sum())
    _, which = np.unique(holder * TYPES + types, return_inverse=True)
    number = numbers.random(len(holder), dtype=np.float32)[which]

    # All that there is to see varies in a few ways only; noise varies in all WIDTH.
    ways = rng.standard_normal((WAYS, WIDTH), dtype=np.float32)
    look = _looks(rng, size, rng.integers(0, size // CLUSTER + 1, size)) @ ways
    return _World(ends, kind, holder, types, number, ways, look)


def facts(rng: np.random.Generator, size: int, degree: float) -> tuple[np.ndarray, np.ndarray]:
    """Facts between ``size`` things, which are in ``degree`` of them on average: int64 ends ``[2, F]`` and kind ``[F]``."""
    popularity = rng.pareto(1.5, size) + 1
    popularity /= popularity.sum()
    count = round(size * degree / 2)
    ends = rng.choice(size, size=(2, count), p=popularity)
    # Every thing is in one fact at least, and a kind of fact goes with what its head is.
    ends[0, : min(size, count)] = rng.permutation(size)[:count]
    kind = (ends[0] * 7 + rng.integers(0, 4, count)) % RELATIONS
    return ends[:, ends[0] != ends[1]], kind[ends[0] != ends[1]]


@dataclass(frozen=True)
class _View:
    """What one graph knows: row of every thing (-1: none), edges ``[2, E]``, their relations, and features ``[n, d]``."""

    rows: np.ndarray
    edges: np.ndarray
    relations: np.ndarray
    attribute: torch.Tensor
    numbers: torch.Tensor
    image: np.ndarray


def _view(
    rng: np.random.Generator,
    numbers: np.random.Generator,
    world: _World,
    things: np.ndarray,
    side: int,
    survives: float,
) -> _View:
    n = len(things)
    rows = np.full(len(world.look), -1)
    rows[things] = np.arange(n)
    seen = (rng.random(len(world.kind)) < survives) & (rows[world.ends] >= 0).all(axis=0)
    seen = rng.permutation(np.flatnonzero(seen))
    words = rng.permutation(RELATIONS) + side * RELATIONS
    columns = rng.permutation(TYPES) + side * TYPES
    has = (rng.random(len(world.holder)) < survives) & (rows[world.holder] >= 0)
    place = torch.from_numpy(rows[world.holder[has]]), torch.from_numpy(columns[world.types[has]])
    attribute, values = torch.zeros(n, 2 * TYPES), torch.zeros(n, 2 * TYPES)
    attribute[place] = 1
    blurred = world.number[has] + BLUR * numbers.standard_normal(has.sum(), dtype=np.float32)
    values[place] = torch.from_numpy(blurred)
    image = world.look[things] + NOISE * rng.standard_normal((n, WIDTH), dtype=np.float32)
    return _View(rows, rows[world.ends[:, seen]], words[world.kind[seen]], attribute, values, image)


def _pair(rng: np.random.Generator, views: list[_View], shared: int) -> GraphPair:
    """Both views in one index space, with their pairs."""
    left, right = views
    n = len(left.image)
    graphs = GraphPair()
    graphs.name, graphs.seed_share, graphs.notes = "synthetic", 0.3, []
    graphs.num_nodes, graphs.n_left = 2 * n, n
    graphs.edge_index = torch.from_numpy(np.concatenate([left.edges, right.edges + n], axis=1))
    graphs.edge_type = torch.from_numpy(np.concatenate([left.relations, right.relations]))
    pairs = np.stack([left.rows[:shared], right.rows[:shared] + n], axis=1)
    graphs.pairs = torch.from_numpy(rng.permutation(pairs))
    graphs.source_ids = torch.from_numpy(np.concatenate([rng.permutation(n), n + rng.permutation(n)]))
    ids = graphs.source_ids.tolist()
    graphs.uris = [f"{side}/thing/{i}" for side, part in (("left", ids[:n]), ("right", ids[n:])) for i in part]
    graphs.entity_names = [f"thing {i}" for i in ids]
    graphs.relation_names = [f"{s}/relation/{i}" for s in ("left", "right") for i in range(RELATIONS)]
    relation = torch.zeros(2 * n, 2 * RELATIONS)
    place = graphs.edge_index.ravel(), graphs.edge_type.repeat(2)
    relation.index_put_(place, torch.ones(len(place[0])), accumulate=True)
    image = normalize(torch.from_numpy(np.concatenate([left.image, right.image])))
    graphs.features = {"relation": relation, "attribute": torch.cat([left.attribute, right.attribute]), "image": image}
    graphs.numbers = torch.cat([left.numbers, right.numbers])
    graphs.masks = {m: (x != 0).any(dim=1) for m, x in graphs.features.items()}
    graphs.relevant = {m: graphs.mask(m) for m in graphs.modalities}
    return graphs


def _looks(rng: np.random.Generator, n: int, cluster: np.ndarray) -> np.ndarray:
    """float32 ``[n, WAYS]``: a centre for each cluster and each thing's own look about it."""
    centres = rng.standard_normal((cluster.max() + 1, WAYS), dtype=np.float32)
    return centres[cluster] + 0.7 * rng.standard_normal((n, WAYS), dtype=np.float32)


def named(name: str, seed: int = 0) -> GraphPair:
    """A synthetic data set by name: ``synthetic/clean``, or with faults of the pictures instead; the seed makes the world.

    Raises:
        DataError: no such name, see ``faults.named_shares``.
    """
    kind = name.removeprefix("synthetic/")
    graphs = generate(spoilt=None if kind == "clean" else {"image": named_shares(kind, name)}, seed=seed)
    graphs.name = name
    return graphs
