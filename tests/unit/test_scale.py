"""What makes large graphs possible: processes that share the work, neighbours drawn, batches that fit, an approximate index."""

import builtins
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from toys import random_pair, same, tiny

from pmf_minimal.encoders import Neighbours, StructureEncoder
from pmf_minimal.errors import DataError
from pmf_minimal.matching import greedy
from pmf_minimal.runs.run import fit
from pmf_minimal.scale import approximate, block_matching, memory
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.scale.sampling import sample_neighbourhood
from pmf_minimal.training import Training

ROOT = Path(__file__).parents[2]
SHARED = """
import sys
import torch
from toys import random_pair, tiny
from pmf_minimal.scale import distributed
from pmf_minimal.runs.run import fit
distributed.init_process_group()
rank, processes = distributed.rank_and_world_size()
run = fit(random_pair(60).split(0), tiny(batch_size=4, accumulation=2), "cpu", progress=False)
torch.save((processes, run.best_epoch, run.history["valid MRR"].tolist(), run.model.state_dict()), f"{sys.argv[1]}/{rank}.pt")
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Results of both of two processes."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "train.py").write_text(SHARED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    path = f"{ROOT}:{ROOT / 'tests'}"
    out = subprocess.run(
        [*command, str(folder / "train.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=250,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr[-2000:]
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


def test_two_processes_learn_what_one_learns(shared):
    """13 steps of two batches an epoch (the last of one), dealt out or one after the other: the same model."""
    run = fit(random_pair(60).split(0), tiny(batch_size=4, accumulation=2), "cpu", progress=False)
    for processes, best_epoch, mrr, state in shared:
        assert processes == 2 and best_epoch == run.best_epoch
        expected = run.history["valid MRR"].tolist()
        assert mrr == pytest.approx(expected, abs=1e-3, nan_ok=True)
        for name, value in run.model.state_dict().items():
            same(state[name].double(), value.double(), 1e-3)
    assert all(torch.equal(shared[0][3][name], shared[1][3][name]) for name in shared[0][3])


def test_more_processes_than_batches_in_a_step_are_refused(monkeypatch):
    monkeypatch.setattr("pmf_minimal.scale.distributed.rank_and_world_size", lambda: (0, 2))
    with pytest.raises(DataError, match="accumulation=1: 2 processes"):
        fit(random_pair().split(0), tiny(), "cpu", progress=False)


def star_and_path():
    """0 is linked to 1 … 9; 9 to 10, 10 to 11, 11 to 12."""
    edges = [(0, i) for i in range(1, 10)] + [(9, 10), (10, 11), (11, 12)]
    return Neighbours(torch.tensor(edges).T, 13)


def around(graph, rows, fanout, hops, generator):
    """Entities drawn, and the edges among them as positions in that list."""
    return sample_neighbourhood(
        graph.rowptr, graph.edge_index[1], torch.tensor(rows), fanout=fanout, hops=hops, generator=generator
    )


def test_neighbours_of_some():
    graph, g = star_and_path(), torch.Generator().manual_seed(0)
    # as many as there are: everything within two hops, and every edge between
    nodes, among = around(graph, [9], 20, 2, g)
    assert nodes[0] == 9 and sorted(nodes.tolist()) == list(range(12))
    edges = {(int(nodes[i]), int(nodes[j])) for i, j in among.T}
    assert edges == {(i, j) for i, j in graph.edge_index.T.tolist() if 12 not in (i, j)}
    # fewer: two of the star's ten at most, other ones each time, and always an edge's mirror image
    seen = set()
    for _ in range(40):
        nodes, among = around(graph, [0], 2, 1, g)
        assert nodes[0] == 0 and len(nodes) <= 3
        edges = {(int(nodes[i]), int(nodes[j])) for i, j in among.T}
        assert edges == {(j, i) for i, j in edges} and all((i, i) in edges for i in nodes.tolist())
        seen |= set(nodes.tolist())
    assert seen == set(range(10))


def test_all_neighbours_drawn_are_all_neighbours():
    """Values and gradients of the rows asked for are those of the whole graph."""
    edges = torch.randint(40, (2, 60), generator=torch.Generator().manual_seed(1))
    whole, drawn = (
        StructureEncoder(edges, 40, 4, torch.Generator().manual_seed(0), sampler)
        for sampler in (None, partial(sample_neighbourhood, fanout=50))
    )
    rows, weight = torch.tensor([3, 17, 31]), torch.randn(3, 4)
    results = []
    for encoder in (whole, drawn):
        h = encoder(rows=rows)
        (h * weight).sum().backward()
        results.append((h, encoder.entities.grad, encoder.layers[0].attention.grad))
    for a, b in zip(*results, strict=True):
        same(a, b, 1e-5)
    assert torch.equal(whole(), drawn())  # all rows: never drawn


def test_training_with_drawn_neighbours_learns():
    graphs, config = random_pair(60).split(0), tiny(fanout=2, epochs=30, scoring="off", dim=16)
    run = fit(graphs, config, "cpu", progress=False)
    again = fit(graphs, config, "cpu", progress=False)
    losses = run.history["loss"]
    assert losses.iloc[-1] < 0.8 * losses.iloc[0] and losses.equals(again.history["loss"])


def test_batches_are_halved_until_they_fit(monkeypatch):
    graphs, config = random_pair(60).split(0), tiny(batch_size=40, cross_modality="off")
    step = memory.step_bytes(config, graphs)
    assert step == 4 * 3 * 5 * len(graphs.train) ** 2 and len(graphs.train) <= 40
    assert memory.shrink_batch(config, graphs, torch.device("cpu")) == config
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * 4 * 3 * 5 * 10**2)
    with pytest.warns(UserWarning, match="batch_size=10, accumulation=4"):
        found = memory.shrink_batch(config, graphs, torch.device("cpu"))
    assert found == config.replace(batch_size=10, accumulation=4)


def test_free_memory_decides_nothing_unless_it_is_asked(monkeypatch):
    """One random seed, one result, whatever else runs on the machine."""
    graphs, config = random_pair(60).split(0), tiny(batch_size=20, cross_modality="off", epochs=2)
    plenty = fit(graphs, config, "cpu", progress=False)
    monkeypatch.setattr(memory, "free_bytes", lambda device="cpu": 2 * 4 * 3 * 5 * 10**2)
    little = fit(graphs, config, "cpu", progress=False)
    assert little.config == plenty.config == config and little.history.equals(plenty.history)
    with pytest.warns(UserWarning, match="batch_size=10, accumulation=2"):
        asked = fit(graphs, config, "cpu", progress=False, fit_memory=True)
    assert asked.config == config.replace(batch_size=10, accumulation=2)
    assert not asked.history["loss"].equals(plenty.history["loss"])


def test_what_does_not_fit_after_all_is_halved_too(monkeypatch):
    """As a GPU reports it: in the middle of a step."""
    honest = Training._train

    def train(self, generator):
        if self.config.batch_size > 5:
            raise torch.OutOfMemoryError("too large")
        return honest(self, generator)

    monkeypatch.setattr(Training, "_train", train)
    graphs = random_pair(60).split(0)
    with pytest.warns(UserWarning, match="batch_size=5"):
        run = fit(graphs, tiny(batch_size=20), "cpu", progress=False)
    assert (run.config.batch_size, run.config.accumulation) == (5, 4) and len(run.history) == 6


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch):
    def train(self, generator):
        raise RuntimeError("something else")

    monkeypatch.setattr(Training, "_train", train)
    with pytest.raises(RuntimeError, match="something else"):
        fit(random_pair(60).split(0), tiny(batch_size=20), "cpu", progress=False)


@pytest.fixture(scope="module")
def near_twins():
    pytest.importorskip("faiss")
    left = torch.randn(3000, 16, generator=torch.Generator().manual_seed(0))
    right = left + 0.4 * torch.randn(3000, 16, generator=torch.Generator().manual_seed(1))
    return Similarities(left, right[torch.randperm(3000, generator=torch.Generator().manual_seed(2))], csls_rounds=1)


def test_an_index_finds_most_neighbours(near_twins):
    left, right = near_twins.left, near_twins.right
    found = approximate.near_neighbours(left, right, k=5)
    true = (left @ right.T).topk(5, dim=1).indices
    share = (found[:, :, None] == true[:, None, :]).any(dim=2).float().mean()
    assert found.shape == (3000, 5) and share > 0.9
    assert (approximate.near_neighbours(left, right, k=1, probes=1000)[:, 0] == true[:, 0]).all()  # all cells: exact


def test_matching_through_an_index(near_twins):
    exact = {tuple(pair) for pair in greedy(near_twins.dense).tolist()}
    found = block_matching.match(near_twins, "approximate")
    assert len(found) == len(found[:, 0].unique()) == len(found[:, 1].unique())
    assert len(exact & {tuple(pair) for pair in found.tolist()}) > 0.85 * len(exact)


def test_greedy_among_candidates_by_hand():
    pairs = torch.tensor([[0, 0], [0, 1], [1, 0], [2, 0]])
    assert approximate.greedy(pairs, torch.tensor([0.5, 0.4, 0.9, 0.8])).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"matching": "approximate", "fusion": "evidence", "scoring": "off"}, "matching=approximate looks for"),
        ({"matching": "approximate", "similarity": "euclidean"}, "set similarity=cosine or dot"),
        ({"matching": "optimal"}, "optimal matching of 15 to 15 entities .* set matching=greedy"),
    ],
)
def test_what_no_matcher_can_do_is_said_before_training(monkeypatch, changes, says):
    monkeypatch.setattr(Training, "run_epoch", lambda self: pytest.fail("trained"))
    monkeypatch.setattr(memory, "free_bytes", lambda device="cpu": 20 * 10.0**2)
    with pytest.raises(DataError, match=says):
        fit(random_pair(), tiny(**changes), "cpu", progress=False)


def test_what_an_index_cannot_do_is_said(monkeypatch):
    left = torch.rand(5, 2)
    with pytest.raises(DataError, match="set similarity=cosine"):
        block_matching.match(Similarities(left, left, "euclidean"), "approximate")
    honest = builtins.__import__

    def without_faiss(name, *rest, **more):
        if name == "faiss":
            raise ImportError
        return honest(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_faiss)
    with pytest.raises(DataError, match=r"pip install \"pmf-minimal\[ann\]\""):
        block_matching.match(Similarities(left, left), "approximate")
