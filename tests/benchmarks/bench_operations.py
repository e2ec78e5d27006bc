"""Each hot operation against its plain form, at DBP15K's size; collected only when named, as `make bench` does.

A group holds one operation; ``ours`` in it is the package's, the others are what it is compared with. Where both should give
the same, that is made sure first.
"""

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize
from torch_geometric.nn import GATConv
from worlds import BATCH, DIM, MODALITIES, SIDE, graphs, vectors

from pmf_minimal import losses, matching, metrics, relevance
from pmf_minimal.encoders import DiagonalGATConv, LinearEncoder, Neighbours
from pmf_minimal.scale import approximate, block_matching, blockwise

ROUNDS, TAU = 3, 0.05  # the shortest counts


@pytest.fixture
def clock(benchmark):
    def run(work):
        return benchmark.pedantic(work, rounds=ROUNDS)

    return run


# --- Structure: one layer of attention, there and back --------------------------------------------------------------


@pytest.fixture(scope="module")
def structure():
    neighbours = Neighbours(graphs().edge_index, 2 * SIDE)
    return neighbours, torch.randn(2 * SIDE, DIM), torch.randn(2 * SIDE, DIM)


class EdgeByEdge(DiagonalGATConv):
    """The same layer as textbooks write it: a message of d numbers for every edge."""

    def propagate(self, adjacency, x, alpha, neighbours):
        target, source = neighbours.edge_index
        return torch.zeros_like(x).index_add(0, target, alpha[:, None] * x[source])


def layer_of(kind):
    if kind.startswith("PyG"):
        layer = GATConv(DIM, DIM, heads=2, concat=False, add_self_loops=False)
        return layer, lambda x, n: layer(x, n.edge_index.flip(0))
    layer = {"ours": DiagonalGATConv, "textbook": EdgeByEdge}[kind](DIM, 2, torch.Generator().manual_seed(0))
    return layer, layer


@pytest.mark.parametrize("kind", ["ours", "textbook", "PyG's GATConv (with a matrix)"])
@pytest.mark.benchmark(group="attention layer, forward and backward")
def test_attention(clock, structure, kind):
    neighbours, x, weight = structure
    layer, call = layer_of(kind)

    def work():
        start = x.clone().requires_grad_()
        out = call(start, neighbours)
        (out * weight).sum().backward()
        return out.detach()

    out = clock(work)
    if kind == "textbook":
        torch.testing.assert_close(out, layer_of("ours")[1](x, neighbours).detach(), atol=1e-4, rtol=1e-3)


# --- Bags of words: only the rows of the batch ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ours", "textbook: all rows, then those of the batch"])
@pytest.mark.benchmark(group="linear encoder of a batch, forward and backward")
def test_linear(clock, kind):
    layer = LinearEncoder(1000, DIM, torch.Generator().manual_seed(0))
    features, rows = (torch.rand(2 * SIDE, 1000) < 0.01).float(), torch.randperm(2 * SIDE)[: 2 * BATCH]

    def work():
        out = layer(features, rows) if kind == "ours" else layer(features)[rows]
        out.sum().backward()
        return out

    clock(work)


# --- Losses ---------------------------------------------------------------------------------------------------------


def one_hot_alignment(left, right):
    """All 2B x 2B similarities, a one-hot matrix of the right answers, and the cross-entropy of every row."""
    h = normalize(torch.cat([left, right]))
    logits = (h @ h.T / TAU).masked_fill(torch.eye(len(h), dtype=torch.bool), -1e9)
    labels = torch.eye(len(h)).roll(len(left), 1)
    return cross_entropy(logits, labels, reduction="none").unflatten(0, (2, -1)).sum(0) / 2


@pytest.mark.parametrize("kind", ["ours", "textbook: one-hot 2B x 2B"])
@pytest.mark.benchmark(group="L_CKG of a batch, forward and backward")
def test_alignment_loss(clock, kind):
    sides = vectors(BATCH, DIM)
    loss = {"ours": lambda a, b: losses.alignment_loss(a, b, TAU, "separate")}.get(kind, one_hot_alignment)

    def work():
        left, right = (x.clone().requires_grad_() for x in sides)
        out = loss(left, right).mean()
        out.backward()
        return out.detach(), left.grad

    out, grad = clock(work)
    if kind != "ours":
        left = sides[0].clone().requires_grad_()
        again = losses.alignment_loss(left, sides[1], TAU, "separate").mean()
        again.backward()
        assert abs(out - again) < 1e-4 and (grad - left.grad).norm() < 1e-2 * grad.norm()


def dense_agreement(p, q):
    """Rows and columns of the similarities side by side, and the logarithm of a softmax over both."""
    p, q = normalize(p), normalize(q)
    s = p @ q.T / TAU
    both = torch.cat([s, s.T.masked_fill(torch.eye(len(s), dtype=torch.bool), -1e9)], dim=1)
    return -both.log_softmax(dim=1).diagonal()


@pytest.mark.parametrize("kind", ["ours", "textbook: B x 2B log-softmax"])
@pytest.mark.benchmark(group="L_CM of a batch, forward and backward")
def test_modality_loss(clock, kind):
    sides = vectors(BATCH, DIM)

    def work():
        p, q = (x.clone().requires_grad_() for x in sides)
        ours = kind == "ours"
        loss = -losses.log_agreement(p, q, TAU)[0].mean() if ours else dense_agreement(p, q).mean()
        loss.backward()
        return loss.detach()

    out = clock(work)
    assert abs(out + losses.log_agreement(*sides, TAU)[0].mean()) < 1e-3


# --- Relevance, evaluation, matching --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ours", "textbook: all cosines at once"])
@pytest.mark.benchmark(group="best matches of one modality (Eq. 4)")
def test_best_match(clock, kind):
    left, right = vectors(SIDE, DIM)

    def whole():
        cosine = left @ right.T
        return cosine.amax(dim=1), cosine.amax(dim=0)

    found = clock((lambda: relevance.best_match(left, right)) if kind == "ours" else whole)
    if kind != "ours":
        torch.testing.assert_close(found[1], relevance.best_match(left, right)[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["ours", "textbook: sort every row and column"])
@pytest.mark.benchmark(group="ranks of 4,000 test pairs, both directions, CSLS once")
def test_ranks(clock, kind):
    left, right = vectors(4000, DIM * MODALITIES)
    pairs = torch.arange(4000)

    def ours():
        s = blockwise.Similarities(left, right, csls_rounds=1)
        return [metrics.hits_and_mrr(*blockwise.count_better_and_tied(side, pairs, pairs))["MRR"] for side in (s, s.T)]

    def textbook():
        s = left @ right.T
        rows = s.sort(dim=1, descending=True).values[:, :3].mean(dim=1)
        columns = s.sort(dim=0, descending=True).values[:3].mean(dim=0)
        s = 2 * s - rows[:, None] - columns
        places = [(x.argsort(dim=1, descending=True) == pairs[:, None]).nonzero()[:, 1] + 1 for x in (s, s.T)]
        return [float((1 / place).mean()) for place in places]

    found = clock(ours if kind == "ours" else textbook)
    assert found == pytest.approx(ours(), abs=1e-4)


@pytest.mark.parametrize("kind", ["ours", "ours, by blocks", "textbook: sort all pairs"])
@pytest.mark.benchmark(group="greedy matching of 2,000 to 2,000")
def test_greedy(clock, kind):
    left, right = vectors(2000, DIM)

    def by_blocks():
        return block_matching.greedy(blockwise.Similarities(left, right))

    def textbook():
        order = (left @ right.T).ravel().argsort(descending=True)
        return approximate.greedy(torch.stack([order // 2000, order % 2000], dim=1), -torch.arange(len(order)).float())

    def ours():
        return matching.greedy(left @ right.T)

    found = clock({"ours": ours, "ours, by blocks": by_blocks}.get(kind, textbook))
    assert (found == ours()).all(dim=1).float().mean() > 0.999  # rounding may settle a tie differently


@pytest.mark.parametrize("kind", ["ours: exact", "approximate index"])
@pytest.mark.benchmark(group="ten nearest of 19,500 among 19,500")
def test_nearest(clock, benchmark, kind):
    pytest.importorskip("faiss")
    left, right = vectors(SIDE, DIM)

    def exact():
        near = torch.empty(SIDE, 10, dtype=torch.long)
        for rows, block in blockwise.Similarities(left, right):
            near[rows] = block.topk(10, dim=1).indices
        return near

    found = clock(exact if kind.startswith("ours") else lambda: approximate.near_neighbours(left, right))
    true = exact()
    hit = (found[:, :, None] == true[:, None]).any(dim=1)  # which of the true ones were found
    benchmark.extra_info |= {
        "recall": float(hit.float().mean()),
        "recall of the nearest": float(hit[:, 0].float().mean()),
    }
