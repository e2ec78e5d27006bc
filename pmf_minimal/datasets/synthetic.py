"""Two made-up views of one made-up world, of any size, with everything known about them.

There is one underlying world: things, facts between them, types that they have, and how they look. Each graph sees a part of
it, in words of its own.
"""

from __future__ import annotations

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
    shared = round(n * (1 - dangling))
    if n < 20 or degree <= 0 or not 0 < survives <= 1 or not 0 <= dangling < 1 or shared < 4:
        raise ValueError(
            f"n={n}, degree={degree}, survives={survives}, dangling={dangling}: give at least 20 entities, a degree above "
            "0, survives in (0, 1] and dangling in [0, 1), so that at least 4 pairs are left"
        )
    rng = np.random.default_rng(seed)
    world = 2 * n - shared  # things: shared ones, then those of the left alone, then those of the right alone
    known = np.arange(shared)
    views = [
        rng.permutation(np.concatenate([known, np.arange(shared, n)])),  # row -> thing
        rng.permutation(np.concatenate([known, np.arange(n, world)])),
    ]
    row_of = [np.full(world, -1) for _ in views]
    for rows, things in zip(row_of, views, strict=True):
        rows[things] = np.arange(n)

    popularity = rng.pareto(1.5, world) + 1
    popularity /= popularity.sum()
    facts = round(world * degree / 2)
    ends = rng.choice(world, size=(2, facts), p=popularity)
    # Everybody is in one fact at least, and a kind of fact goes with what its head is.
    ends[0, : min(world, facts)] = rng.permutation(world)[:facts]
    kind = (ends[0] * 7 + rng.integers(0, 4, facts)) % RELATIONS
    ends, kind = ends[:, ends[0] != ends[1]], kind[ends[0] != ends[1]]

    frequency = 1 / (np.arange(TYPES) + 10)
    holder = np.repeat(np.arange(world), TYPES_EACH)
    kept_types = rng.choice(TYPES, size=len(holder), p=frequency / frequency.sum())

    # All that there is to see varies in a few ways only; noise varies in all WIDTH.
    ways = rng.standard_normal((WAYS, WIDTH), dtype=np.float32)
    look = _looks(rng, world, rng.integers(0, world // CLUSTER + 1, world)) @ ways

    edges, relations, images = [], [], []
    attribute, values = torch.zeros(2 * n, 2 * TYPES), torch.zeros(2 * n, 2 * TYPES)
    # Drawn apart: the rest of the world is the same with and without numbers.
    numbers = np.random.default_rng([seed, 1])
    _, which = np.unique(holder * TYPES + kept_types, return_inverse=True)
    number = numbers.random(len(holder), dtype=np.float32)[which]
    relation = torch.zeros(2 * n, 2 * RELATIONS)
    for side, (things, rows) in enumerate(zip(views, row_of, strict=True)):
        seen = (rng.random(len(kind)) < survives) & (rows[ends] >= 0).all(axis=0)
        seen = rng.permutation(np.flatnonzero(seen))
        words = rng.permutation(RELATIONS) + side * RELATIONS
        edges.append(rows[ends[:, seen]] + side * n)
        relations.append(words[kind[seen]])
        place = torch.from_numpy(edges[-1].ravel()), torch.from_numpy(np.tile(relations[-1], 2))
        relation.index_put_(place, torch.ones(len(place[0])), accumulate=True)
        columns = rng.permutation(TYPES) + side * TYPES
        has = (rng.random(len(holder)) < survives) & (rows[holder] >= 0)
        place = torch.from_numpy(rows[holder[has]] + side * n), torch.from_numpy(columns[kept_types[has]])
        attribute[place] = 1
        blurred = number[has] + BLUR * numbers.standard_normal(has.sum(), dtype=np.float32)
        values[place] = torch.from_numpy(blurred)
        images.append(look[things] + NOISE * rng.standard_normal((n, WIDTH), dtype=np.float32))

    graphs = GraphPair()
    graphs.name, graphs.seed_share, graphs.notes = "synthetic", 0.3, []
    graphs.num_nodes, graphs.n_left = 2 * n, n
    graphs.edge_index = torch.from_numpy(np.concatenate(edges, axis=1))
    graphs.edge_type = torch.from_numpy(np.concatenate(relations))
    pairs = np.stack([row_of[0][known], row_of[1][known] + n], axis=1)
    graphs.pairs = torch.from_numpy(rng.permutation(pairs))
    graphs.source_ids = torch.from_numpy(np.concatenate([rng.permutation(n), n + rng.permutation(n)]))
    ids = graphs.source_ids.tolist()
    graphs.uris = [f"{side}/thing/{i}" for side, part in (("left", ids[:n]), ("right", ids[n:])) for i in part]
    graphs.entity_names = [f"thing {i}" for i in ids]
    graphs.relation_names = [f"{s}/relation/{i}" for s in ("left", "right") for i in range(RELATIONS)]
    image = normalize(torch.from_numpy(np.concatenate(images)))
    graphs.features = {"relation": relation, "attribute": attribute, "image": image}
    graphs.numbers = values
    graphs.present = {m: (x != 0).any(dim=1) for m, x in graphs.features.items()}
    graphs.relevant = {m: graphs.presence(m) for m in graphs.modalities}
    # Clusters of their own. They stand one after the other, so that the two halves share one at most.
    count = min(OUTSIDE, n)
    outside = _looks(rng, count, np.arange(count) // CLUSTER) @ ways
    outside += NOISE * rng.standard_normal((count, WIDTH), dtype=np.float32)
    graphs.outside = {"image": normalize(torch.from_numpy(outside))}
    for modality, faults in (spoilt or {}).items():
        graphs = corrupt(graphs, modality, **{"seed": seed} | faults)
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
