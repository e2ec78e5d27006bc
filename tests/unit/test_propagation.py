"""Alignment without training: what the features estimate, and what the rounds add."""

import numpy as np
import pytest
import torch
from toys import pair_of_graphs, twins

from pmf_minimal import fit, load_run
from pmf_minimal.beyond import propagation
from pmf_minimal.beyond.neighbours import DIM
from pmf_minimal.beyond.propagation import Edges, propagate
from pmf_minimal.errors import DataError


def chain():
    """0 → 1 → 2 → 3 → 4 → 5 by one relation, and the same from 6 to 11 by another."""
    edges = [(i + 6 * side, side, i + 1 + 6 * side) for side in (0, 1) for i in range(5)]
    return pair_of_graphs(6, 6, edges, {}, {}, [(i, i + 6) for i in range(6)])


def hits(features, graphs, pairs):
    rows = features[: graphs.n_left] @ features[graphs.n_left :].T
    best = rows[pairs[:, 0]].argmax(dim=1) + graphs.n_left
    return float((best == pairs[:, 1]).float().mean())


def test_a_chain_by_hand():
    """Seeds 0 and 2, no hop before the product: X is v_0 at 0 and v_2 at 2.

    The relation's tails have y(r) = v_2, its heads y(r⁻¹) = (v_0 + v_2) / sqrt 2. So Y(r)·Y(r) = Y(r⁻¹)·Y(r⁻¹) = 2 and Y(r)·Y(r⁻¹) = sqrt 2.
    z(1) = Y(r⁻¹) * v_0 + Y(r) * v_2 has squared length 4, z(3) = Y(r⁻¹) * v_2 has 2, and z(1)·z(3) = sqrt 2: their cosine is 1/2.
    """
    graphs = chain()
    z = propagate(graphs, graphs.pairs[[0, 2]], dim=16384, weights=(1.0,))
    cosine = z @ z.T
    assert cosine[1, 3] == pytest.approx(0.5, abs=0.03)
    assert cosine[1, 9] == pytest.approx(0.5, abs=0.03)
    torch.testing.assert_close(cosine.diagonal(6)[[1, 3]], torch.ones(2))
    # 0 has only the neighbour 1, 2 has 1 and 3, and 5 has 4: none of these is a seed.
    assert (z[[0, 2, 4, 5]].norm(dim=1) == torch.tensor([0.0, 0.0, 0.0, 0.0])).all()


@pytest.mark.parametrize("returning", [True, False])
def test_the_formula_with_exact_vectors(returning):
    """Against plain loops, where every seed has an axis of its own and products are multiplied out."""
    graphs = twins(n=20, triples=50)
    seeds, weights, n = graphs.pairs[:6], (1.0, 1.0, 0.5), graphs.num_nodes
    triples = torch.cat([graphs.edge_index[:1], graphs.edge_type[None], graphs.edge_index[1:]]).T.tolist()
    edges = [(h, r, t) for h, r, t in triples] + [(t, r + 8, h) for h, r, t in triples]
    degree = [sum(h == i for h, _, _ in edges) for i in range(n)]

    def unit(x):
        return x / max(float(np.linalg.norm(x)), 1e-9)

    x = [np.zeros((n, 6))]
    for p, (left, right) in enumerate(seeds.tolist()):
        x[0][left, p] = x[0][right, p] = 1
    y = np.stack([unit(sum((x[0][t] for _, r, t in edges if r == kind), np.zeros(6))) for kind in range(16)])
    sums = []
    for _ in weights[1:]:
        sums.append([sum((x[-1][t] / degree[t] ** 0.5 for h, _, t in edges if h == i), np.zeros(6)) for i in range(n)])
        x.append(np.stack([unit(s) for s in sums[-1]]))

    def sent(t, h):
        """X(t), without what t has from h after one hop."""
        parts = [part[t] for part in x]
        if not returning:
            own = sum(x[0][h] / degree[h] ** 0.5 for a, _, b in edges if (a, b) == (t, h))
            parts[1] = parts[1] - own / max(float(np.linalg.norm(sums[0][t])), 1e-9)
        return np.concatenate([w * part for w, part in zip(weights, parts, strict=True)])

    all_y = np.concatenate([y, np.roll(y, 8, axis=0)], axis=1)
    exact = np.stack(
        [
            sum((np.outer(all_y[r], sent(t, h)).ravel() for h, r, t in edges if h == i), np.zeros(12 * 18))
            for i in range(n)
        ]
    )
    exact = np.stack([unit(z) for z in exact])

    z = propagate(graphs, seeds, dim=16384, weights=weights, returning=returning).numpy()
    np.testing.assert_allclose(z @ z.T, exact @ exact.T, atol=0.06)


def test_features_are_unit_rows_in_float32_and_depend_on_the_random_seed_only():
    graphs = twins()
    seeds = graphs.pairs[:20]
    z = propagate(graphs, seeds, dim=300)
    assert z.shape == (160, 300) and z.dtype == torch.float32
    lengths = z.norm(dim=1)
    assert ((lengths - 1).abs() < 1e-5).logical_or(lengths == 0).all() and (lengths > 0).sum() > 100
    assert torch.equal(z, propagate(graphs, seeds, dim=300))
    assert not torch.allclose(z, propagate(graphs, seeds, dim=300, seed=1))


def test_the_order_of_entities_does_not_matter():
    g = np.random.default_rng(3)
    order = np.concatenate([g.permutation(80), 80 + g.permutation(80)])
    graphs, other = twins(), twins(order=order)
    z = propagate(graphs, graphs.pairs[:20], dim=300)
    torch.testing.assert_close(
        propagate(other, other.pairs[:20], dim=300)[torch.from_numpy(order)], z, atol=1e-4, rtol=0
    )


def test_memory_grows_with_edges_and_entities_not_with_pairs(monkeypatch):
    """No sparse matrix stores more than an edge each way, and no array of a chunk has a number for every edge and column."""
    largest = []
    normalise = propagation._normalise
    monkeypatch.setattr(propagation, "_normalise", lambda x: (largest.append(x.size), normalise(x))[1])
    for n in (80, 160, 320):
        graphs = twins(n=n, triples=4 * n)
        edges = Edges(graphs)
        for matrix in (edges.neighbours, edges.tails, edges.matrix(np.ones(16 * n))):
            assert matrix.nnz <= 2 * graphs.edge_index.shape[1] == 16 * n
        largest.clear()
        propagate(graphs, graphs.pairs[:20], dim=2 * propagation.CHUNK)
        assert max(largest) == 2 * n * propagation.CHUNK


def test_twins_are_found_and_wrong_seeds_cost_little():
    """A fifth of the seeds wrong loses less than a third of the hits."""
    graphs = twins(n=300, triples=1200, missing=0.3)
    seeds, rest = graphs.pairs[:90], graphs.pairs[90:]
    wrong = seeds.clone()
    wrong[:18, 1] = wrong[:18, 1].roll(1)
    clean, dirty = (hits(propagate(graphs, s), graphs, rest) for s in (seeds, wrong))
    assert clean > 0.6
    assert clean > dirty > clean * 2 / 3


def test_seeds_look_like_unknown_entities_where_nothing_returns():
    """With returning vectors seeds are found far more often than others; without, about as often."""
    graphs = twins(n=300, triples=1200, missing=0.3)
    seeds, rest = graphs.pairs[:90], graphs.pairs[90:]
    gaps = []
    for returning in (True, False):
        z = propagate(graphs, seeds, returning=returning)
        gaps.append(hits(z, graphs, seeds) - hits(z, graphs, rest))
    assert gaps[0] > 0.1 and abs(gaps[1]) < gaps[0] / 2


def test_rounds_find_more_and_every_pair_of_their_own_is_new():
    graphs = twins(n=300, triples=1200, missing=0.3)
    graphs = graphs.with_split(graphs.pairs[:60], graphs.pairs[60:75], graphs.pairs[75:])
    seeds = graphs.pairs[:75]  # nothing is chosen by validation, so these pairs are seeds too
    one, more = (fit(graphs, model="propagation", iterative_epochs=n, progress=False) for n in (0, 2))
    torch.testing.assert_close(one.embeddings()["structure"], propagate(graphs, seeds, dim=DIM))
    assert one.history.index.tolist() == [1] and more.history.index.tolist() == [1, 2, 3]
    first, last = (run.evaluate().loc["joint", "Hits@1"].mean() for run in (one, more))
    assert last > first + 0.05
    partner = more.model.encoders["structure"].partner
    assert partner[seeds[:, 0]].equal(seeds[:, 1])
    known = (partner >= 0).nonzero().ravel()
    assert partner[partner[known]].equal(known)  # one-to-one
    added = more.history["added"].iloc[-1]
    assert len(known) == 2 * (75 + added) and added > 50
    # Every entity has its counterpart among the pairs, so the truth of each own pair is known.
    assert more.history["judged"].iloc[-1] == added and more.history["added correct"].iloc[-1] > 0.8 * added
    again = fit(graphs, model="propagation", iterative_epochs=2, progress=False)
    assert again.embeddings()["joint"].equal(more.embeddings()["joint"]) and again.history.equals(more.history)


def test_without_its_own_pairs_one_round_is_left():
    assert fit(twins(), model="propagation", ablate=True, progress=False).history.index.tolist() == [1]


def test_a_saved_run_of_propagation_is_loaded_and_a_halted_one_goes_on(tmp_path):
    graphs = twins(n=100, triples=400)
    settings = {"model": "propagation", "iterative_epochs": 2, "progress": False}
    run = fit(graphs, **settings)
    run.save(tmp_path / "run")
    assert load_run(tmp_path / "run", graphs).embeddings()["joint"].equal(run.embeddings()["joint"])

    def halt(training):
        if training.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(graphs, **settings, checkpoint=tmp_path / "state", callback=halt)
    resumed = fit(graphs, **settings, checkpoint=tmp_path / "state")
    assert resumed.embeddings()["joint"].equal(run.embeddings()["joint"]) and resumed.history.equals(run.history)


def test_an_isolated_entity_has_no_features_and_finds_no_partner():
    graphs = pair_of_graphs(3, 3, [(0, 0, 1), (3, 1, 4)], {}, {}, [(0, 3), (1, 4), (2, 5)])
    graphs = graphs.with_split(graphs.pairs[:1], graphs.pairs[:0], graphs.pairs[1:])
    run = fit(graphs, model="propagation", iterative_epochs=2, progress=False)
    assert (run.embeddings()["structure"][[2, 5]] == 0).all()
    assert run.history["added"].dropna().tolist() == [1, 1]
    assert run.model.encoders["structure"].partner.tolist() == [3, 4, -1, 0, 1, -1]


@pytest.mark.parametrize(
    "seeds", [torch.zeros(0, 2, dtype=torch.long), torch.tensor([1, 2]), torch.tensor([[1, 2, 3]])]
)
def test_without_pairs_there_is_nothing_to_send(seeds):
    with pytest.raises(DataError, match="give at least one pair"):
        propagate(chain(), seeds)


@pytest.mark.parametrize("pair", [[6, 0], [0, 5], [0, 12], [-1, 6]])
def test_seeds_are_rows_of_left_and_right(pair):
    with pytest.raises(DataError, match=r"seed \[.*\] does not name a row of the left graph \(0 to 5\)"):
        propagate(chain(), torch.tensor([[1, 7], pair]))
