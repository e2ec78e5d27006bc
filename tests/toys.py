"""Small pairs of graphs and small tensors that many tests share."""

import copy
import functools
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pmf_minimal.config import PRESETS
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair

# ent_ids, triples and so on of two graphs of four entities, as a benchmark has them: ids neither in order nor without gaps.
FILES = {
    "ent_ids_1": "0\thttp://fr.example/resource/Paris\n2\thttp://fr.example/resource/Tour_Eiffel\n"
    "4\thttp://fr.example/resource/Lyon\n7\thttp://fr.example/resource/Caf%C3%A9\n",
    "ent_ids_2": "105\thttp://example/resource/Lyons\n1\thttp://example/resource/Paris\n"
    "3\thttp://example/resource/Eiffel_Tower\n9\thttp://example/resource/Rome\n",
    "triples_1": "2\t0\t0\n4\t1\t0\n2\t0\t4\n",
    "triples_2": "3\t5\t1\n105\t1\t1\n9\t5\t105\n9\t5\t9\n",
    "ill_ent_ids": "0\t1\n2\t3\n4\t105\n7\t9\n",
    "training_attrs_1": "http://fr.example/resource/Paris\thttp://a/population\thttp://a/mayor\thttp://a/population\n"
    "http://fr.example/resource/Lyon\thttp://a/population\n",
    "training_attrs_2": "http://example/resource/Paris\thttp://a/mayor\nhttp://example/resource/Rome\thttp://a/mayor\n",
    "rel_ids": "0\thttp://fr.example/ontology/location\n1\thttp://example/ontology/country\n5\thttp://example/ontology/near\n",
}


def write(folder, files=FILES):
    """The files in a new folder."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def pair_of_graphs(n_left, n_right, edges, features, mask, pairs):
    """A GraphPair from plain lists and tensors; edges are (head, relation, tail) in row numbers."""
    graphs = GraphPair()
    graphs.name, graphs.seed_share = "toy/a_b", 0.5
    graphs.num_nodes, graphs.n_left = n_left + n_right, n_left
    head, kind, tail = torch.tensor(edges).T
    graphs.edge_index, graphs.edge_type = torch.stack([head, tail]), kind
    graphs.features, graphs.masks = features, mask
    graphs.pairs = torch.tensor(pairs)
    graphs.source_ids = torch.arange(n_left + n_right) + 100
    graphs.uris = graphs.entity_names = [f"entity {i}" for i in range(n_left + n_right)]
    graphs.relation_names = [f"relation {i}" for i in range(int(kind.max()) + 1)]
    return graphs


def twins(n=80, triples=320, seed=0, order=None, missing=0.0):
    """A random graph with four relations, twice, i and i + n the same.

    ``order`` gives both graphs' entities other rows; ``missing`` is the share of triples that each graph lacks.
    """
    g = np.random.default_rng(seed)
    edges = np.stack([g.integers(0, n, triples), g.integers(0, 4, triples), g.integers(0, n, triples)], axis=1)
    left, right = (edges[g.random(triples) >= missing] for _ in range(2))
    edges = np.concatenate([left, right + [n, 4, n]])
    order = np.arange(2 * n) if order is None else order
    edges[:, [0, 2]] = order[edges[:, [0, 2]]]
    pairs = np.stack([order[:n], order[n:]], axis=1)
    return pair_of_graphs(n, n, edges.tolist(), {}, {}, pairs.tolist())


def toy():
    """Six entities a side, i and i + 6 the same; 5 and 11 are in no triple, 4 and 11 have no image."""
    chain = [(0, 0, 1), (1, 0, 2), (2, 1, 3), (3, 1, 4), (0, 0, 1)]
    edges = chain + [(h + 6, r + 1, t + 6) for h, r, t in chain]
    image = torch.tensor([[1, 0], [0, 1], [1, 1], [2, 1], [0, 0], [-1, 1]]).repeat(2, 1).float()
    image[10], image[11] = torch.tensor([-1.0, -1.0]), 0
    relation = torch.zeros(12, 3)
    for head, kind, tail in edges:
        relation[head, kind] += 1
        relation[tail, kind] += 1
    features = {"relation": relation, "image": image}
    mask = {m: (x != 0).any(dim=1) for m, x in features.items()}
    graphs = pair_of_graphs(6, 6, edges, features, mask, [(i, i + 6) for i in range(6)])
    return graphs.with_split(graphs.pairs[:3], graphs.pairs[3:4], graphs.pairs[4:])


def random_pair(n=30, seed=0):
    """n and n + 3 entities that share what they look like; a third of the images are missing, a third foreign."""
    g = torch.Generator().manual_seed(seed)
    total = 2 * n + 3
    left = torch.randint(n, (2, 2 * n), generator=g)
    kinds = torch.randint(4, (2 * n,), generator=g)
    edges = torch.stack([left[0], kinds, left[1]], dim=1)
    edges = torch.cat([edges, edges + torch.tensor([n, 2, n])]).tolist()
    features, mask = {}, {}
    for m, width in (("relation", 6), ("attribute", 5), ("image", 7)):
        x = torch.randn(n, width, generator=g)
        x = (x > 0).float() * (1 + (m == "relation")) if m != "image" else x
        features[m] = torch.cat([x, x, x[:3]]) + (0.1 * torch.randn(total, width, generator=g) if m == "image" else 0)
        mask[m] = torch.ones(total, dtype=torch.bool)
    kind = torch.randint(3, (total,), generator=g)
    foreign = torch.randn(total, 7, generator=g)
    features["image"] = torch.where((kind == 1)[:, None], foreign, features["image"]) * (kind != 2)[:, None]
    for m, x in features.items():
        mask[m] = (x != 0).any(dim=1)
    graphs = pair_of_graphs(n, n + 3, edges, features, mask, [(i, n + i) for i in range(n)])
    graphs.relevant = {m: here.clone() for m, here in mask.items()} | {"structure": torch.ones(total, dtype=torch.bool)}
    graphs.relevant["image"] &= kind != 1
    return graphs


def tiny(**changes):
    """Settings for a training of moments."""
    small = dict(dim=8, epochs=6, batch_size=8, scoring_start=2, scoring_end=4, evaluate_every=2, lr=0.01)
    return PRESETS["paper"].replace(**(small | changes))


def same(actual, expected, tolerance=1e-9):
    """Equal in shape and, up to the tolerance, in value."""
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def doubles(*rows):
    """A float64 matrix, or a vector."""
    return torch.tensor(rows, dtype=torch.float64)


def vectors(rows, dim):
    """Hypothesis strategy: float64 ``[rows, dim]`` of small whole numbers, so that ties, opposites and repeats occur; no zero rows."""

    def tensor(array):
        array[~array.any(axis=1), 0] = 1
        return torch.tensor(array, dtype=torch.float64)

    return arrays(np.int64, (rows, dim), elements=st.integers(-3, 3)).map(tensor)


def random_doubles(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


#: So many damaged files for each reader. `make test` tries the same ones each time; `make fuzz` many more, by a random seed.
EXAMPLES = int(os.environ.get("PMF_EXAMPLES", 1000))
SEED = os.environ.get("PMF_SEED")
#: What one of them may take.
SECONDS, BYTES = 10, 2**30


def many(test, share=1):
    """A test by hypothesis on ``EXAMPLES`` examples, or a share of them where each takes long; each of them bounded."""
    test = settings(
        max_examples=max(EXAMPLES // share, 1), deadline=None, database=None, derandomize=SEED is None,
        suppress_health_check=list(HealthCheck),
    )(test)  # fmt: skip
    test.hypothesis.inner_test = bounded(test.hypothesis.inner_test)
    return test if SEED is None else seed(int(SEED))(test)


def read_or_refused(read, path, data):
    """What a reader makes of a file with such content: the graph or pairs, or the error, in one sentence with place and fix."""
    path.write_bytes(data)
    try:
        return read(path)
    except DataError as error:
        told = str(error)
        assert type(error) is not DataError and told.startswith(str(path)) and ";" in told and "\n" not in told
        assert len(told) < 500 + len(str(path))
        return error


def bounded(test):
    """The test, failing where it takes ``SECONDS`` of the processor or ``BYTES`` of memory; where the system can tell."""
    if sys.platform == "win32":
        return test
    import resource

    @functools.wraps(test)
    def limited(*arguments, **named):
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        before, peak = resource.getrlimit(resource.RLIMIT_AS), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Of the processor, since the clock belongs to pytest-timeout. A reader may take a MemoryError for the file's fault,
        # so the peak is looked at as well.
        handler = signal.signal(signal.SIGVTALRM, _too_long)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (size + 4 * BYTES, before[1]))
        try:
            test(*arguments, **named)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, handler)
        taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
        assert taken < BYTES, f"it took {taken:,} bytes"

    return limited


def _too_long(*_):
    raise TooLong(f"it took more than {SECONDS} seconds")


class TooLong(BaseException):
    """No reader may catch it."""


#: Values that a file of JSON or YAML, or a setting, may have in the place of others.
ODD = [
    None, True, False, 0, -1, 1, 1.5, 10**30, -(10**30), 2**63, 1e308, float("nan"), float("inf"), "", "x", "7", "nan",
    "\ud800", "\x1b[2J\u202e", "=1+1", "../..", "joint", "a" * 5000, [], {}, [[]], [None], ["x", "x"], {"a": 1}, {"": []},
]  # fmt: skip


def with_blow(draw, tree):
    """A copy of a tree of lists and dicts in which one place holds something else, is gone, or is there twice."""
    tree = copy.deepcopy(tree)
    inner, above, key = tree, None, None
    while isinstance(inner, dict | list) and inner and (above is None or draw(st.integers(0, 3))):
        above = inner
        key = draw(st.sampled_from(sorted(inner))) if isinstance(inner, dict) else draw(st.integers(0, len(inner) - 1))
        inner = inner[key]
    blow = draw(st.sampled_from(["odd", "odd", "odd", "gone", "twice", "wrapped", "more"]))
    if blow == "odd":
        above[key] = draw(st.sampled_from(ODD))
    elif blow == "gone":
        del above[key]
    elif blow == "wrapped":
        above[key] = draw(st.sampled_from([[inner], {"x": inner}, [inner, inner]]))
    elif isinstance(above, list):
        above.insert(key, draw(st.sampled_from(ODD)) if blow == "more" else above[key])
    else:
        above[draw(st.sampled_from(["more", "", "\x1b", "__class__"]))] = above[key]
    return tree


def with_byte_blow(draw, data):
    """Bytes of which some are cut off, changed, added or doubled."""
    blow = draw(st.sampled_from(["cut", "changed", "added", "empty", "doubled"]))
    if blow == "doubled":
        return data + data
    if blow == "empty":
        return b""
    at = draw(st.integers(0, max(len(data) - 1, 0)))
    new = draw(st.binary(min_size=1, max_size=4))
    return data[:at] + {"cut": b"", "changed": new + data[at + len(new) :], "added": new + data[at:]}[blow]
