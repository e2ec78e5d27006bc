"""Alignment without training: random vectors of the seeds are sent along the triples (beyond the paper).

The idea is that of Mao et al., LightEA: A scalable, robust, and interpretable entity alignment framework via three-view label propagation
(EMNLP 2022); the formula is our own. Every seed pair gets a random vector, the same for both of its entities. An entity is then described
by the seeds around it and by the relations that lead to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair

#: Columns that are computed together; work memory is a few times N x CHUNK numbers, whatever the dimension.
CHUNK = 256
#: What an entity's own seed counts, the seeds one hop away, and those two hops away.
WEIGHTS = (1.0, 1.0, 0.5)


class Edges:
    """Every triple in both directions, as sparse matrices that send messages.

    Attributes:
        starts: int64 ``[N + 1]``, where the edges that reach each entity start; edges are sorted by it.
        senders: int64 ``[2 T]``, the entity at the other end.
        relations: int64 ``[2 T]``, relation r, or r + R where the sender is the head; ``n_relations`` is 2 R.
        neighbours: sparse float32 ``[N, N]``, sums over neighbours, each divided by the square root of its degree.
        tails: sparse float32 ``[2 R, N]``, sums over a relation's senders.
        multiplicity: float32 ``[2 T]``, how many edges there are from the same sender to the same receiver.
    """

    def __init__(self, graphs: GraphPair):
        (head, tail), kind = graphs.edge_index.cpu().numpy(), graphs.edge_type.cpu().numpy()
        n, n_kinds = graphs.num_nodes, int(kind.max()) + 1 if len(kind) else 0
        receivers, kinds = np.concatenate([head, tail]), np.concatenate([kind, kind + n_kinds])
        order = np.argsort(receivers, kind="stable")
        self.starts = np.searchsorted(receivers[order], np.arange(n + 1))
        self.senders, self.relations = np.concatenate([tail, head])[order], kinds[order]
        self.n_relations = 2 * n_kinds
        degree = np.diff(self.starts).astype(np.float32)
        self.neighbours = self.matrix(1 / np.sqrt(degree[self.senders]))
        ones = np.ones(len(order), dtype=np.float32)
        self.tails = csr_array((ones, (self.relations, self.senders)), shape=(self.n_relations, n))
        _, place, counts = np.unique(receivers[order] * n + self.senders, return_inverse=True, return_counts=True)
        self.multiplicity = counts[place].astype(np.float32)

    def matrix(self, values: np.ndarray) -> csr_array:
        """Sparse ``[N, N]``, receivers by senders, with a value for every edge."""
        n = len(self.starts) - 1
        return csr_array((values, self.senders, self.starts), shape=(n, n))


def propagate(
    graphs: GraphPair,
    seeds: Tensor,
    *,
    dim: int = 2048,
    weights: Sequence[float] = WEIGHTS,
    seed: int = 0,
    returning: bool = True,
) -> Tensor:
    """Features of all entities that a cosine compares, from seeds and triples alone.

        x_0(i) = v_p for both entities of seed pair p, zero for all others
        x_k(h) = normalise( sum of x_{k-1}(t) / sqrt(degree of t) over the triples (h, r, t) )
        y(r)   = normalise( sum of x_0(t) over the triples (·, r, t) )
        z(h)   = normalise( sum of Y(r) * X(t) over the triples (h, r, t) )

    Every triple counts in both directions; the other one is (t, r⁻¹, h). X is the sum of all x_k by their weights, each with random
    signs, so that X(t) · X(t') estimates the sum of w_k² x_k(t) · x_k(t'). Likewise Y(r) is the sum of y(r) and y(r⁻¹). Its columns are
    shifted by one, which makes them independent of those of X, and so z(h) · z(h') estimates, up to the lengths,

        sum over the triples (h, r, t) and (h', r', t') of ( Y(r) · Y(r') ) ( X(t) · X(t') )

    which is large if both entities have like neighbours by like relations. The product is that of Kar and Karnick, Random feature maps
    for dot product kernels (AISTATS 2012); LightEA multiplies out a part of all pairs of columns instead. Time and memory grow with the
    number of triples and of entities times ``dim``; the work needs ``CHUNK`` columns at a time.

    A seed's own vector comes back to it: its neighbours have it after one hop. So two seeds of a pair look more alike than two
    unknown entities that are as good a pair, and a wrong pair confirms itself. Where ``returning`` is False, that is taken out:
    z(h) is summed over x_1(t) - n v_h / ( sqrt(degree of h) · length of x_1(t) before it was normalised ), for n triples of h and t.

    Args:
        graphs: only its triples are used.
        seeds: int64 ``[P, 2]``, rows of known pairs, left and right.
        dim: D, columns of the result; the error of the estimate falls with its square root.
        weights: w_0, w_1, …, of the seeds at so many hops from t; the product sends them one hop further.
        seed: random seed; with the same one the same features, up to rounding in any order of the entities.
        returning: whether a seed's own vector comes back to it from its neighbours.

    Returns:
        float32 ``[N, D]`` with rows of length 1; zero where no seed is near enough.

    Raises:
        DataError: there are no seeds, or they are not rows of the left and the right graph.
    """
    _check(graphs, seeds)
    edges, generator = Edges(graphs), np.random.default_rng(seed)
    pairs = seeds.cpu().numpy()
    out = torch.empty(graphs.num_nodes, dim)
    for start in range(0, dim, CHUNK):
        width = min(CHUNK, dim - start)
        x, y, back = _views(edges, pairs, width, weights, generator)
        out[:, start : start + width] = torch.from_numpy(_bind(edges, x, y, None if returning else back)).T
    return torch.nn.functional.normalize(out, out=out).to(graphs.edge_index.device)


def _views(
    edges: Edges, seeds: np.ndarray, width: int, weights: Sequence[float], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """X, float32 ``[width, N]``; Y, float32 ``[width, 2 R]``, not yet shifted; and what comes back from t to its neighbour h, in two
    factors: that of h, ``[width, N]``, and that of t, ``[N]``."""
    x = np.zeros((len(edges.starts) - 1, width), dtype=np.float32)
    vectors = _signs(generator, len(seeds), width)
    for side in seeds.T:
        np.add.at(x, side, vectors)
    x = _normalise(x)
    y = _normalise(edges.tails @ x)
    all_x = np.zeros((width, len(x)), dtype=np.float32)
    own, share = np.zeros_like(all_x), np.zeros(len(x), dtype=np.float32)
    for hop, weight in enumerate(weights):
        signs = _signs(generator, width) * np.float32(weight)
        if hop == 1:
            own = (x * signs / np.sqrt(np.maximum(np.diff(edges.starts), 1), dtype=np.float32)[:, None]).T
        if hop:
            x = edges.neighbours @ x
            share = 1 / _lengths(x) if hop == 1 else share
            x = _normalise(x)
        all_x += (x * signs).T
    inverse = np.roll(y, edges.n_relations // 2, axis=0)
    return all_x, (y + inverse * _signs(generator, width)).T, (own, share)


def _bind(edges: Edges, x: np.ndarray, y: np.ndarray, back: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """float32 ``[width, N]``: sums of Y(r) * X(t), without what comes back; see :func:`_views`.

    A column at a time; all at once would need a number for every edge and column.
    """
    out = np.empty_like(x)
    for column in range(len(x)):
        values = y[column - 1][edges.relations]
        out[column] = edges.matrix(values) @ x[column]
        if back is not None:
            own, share = back
            out[column] -= own[column] * (edges.matrix(values * edges.multiplicity) @ share)
    return out


def _signs(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """float32, -1 or 1 at random."""
    return generator.integers(0, 2, shape, dtype=np.int8).astype(np.float32) * 2 - 1


def _normalise(x: np.ndarray) -> np.ndarray:
    """Rows of length 1, in place; zero rows stay zero."""
    x /= _lengths(x)[:, None]
    return x


def _lengths(x: np.ndarray) -> np.ndarray:
    """Length of every row, at least 1e-9."""
    return np.maximum(np.sqrt(np.einsum("ij,ij->i", x, x)), np.float32(1e-9))


def _check(graphs: GraphPair, seeds: Tensor) -> None:
    if seeds.ndim != 2 or seeds.shape[1] != 2 or not len(seeds):
        raise DataError(
            f"{graphs.name}: propagation starts from seeds, rows of pairs [P, 2], and got {list(seeds.shape)}; give at least one pair"
        )
    left, right = seeds.T
    wrong = (left < 0) | (left >= graphs.n_left) | (right < graphs.n_left) | (right >= graphs.num_nodes)
    if wrong.any():
        raise DataError(
            f"{graphs.name}: seed {seeds[wrong][0].tolist()} does not name a row of the left graph (0 to {graphs.n_left - 1}) and one of the "
            f"right graph ({graphs.n_left} to {graphs.num_nodes - 1}); give row numbers, not ids of the files"
        )
