"""Everything that can run on a GPU, rehearsed on a pretended one: no tensor is left behind on the CPU."""

import pandas as pd
import pytest
import torch
from pretend_gpu import DEVICE, pretend
from toys import random_pair

import pmf_minimal as pmf
from pmf_minimal.baselines.registry import SYSTEMS, published
from pmf_minimal.runs import loop

SMALL = dict(dim=8, epochs=4, batch_size=8, scoring_start=2, scoring_end=3, evaluate_every=2)


@pytest.fixture(scope="module")
def graphs():
    return random_pair(30).split(0, 0.5, 0.3)


@pytest.fixture
def on_gpu(monkeypatch):
    """``fit`` on the pretended GPU."""

    def run(graphs, config, **more):
        with pretend():
            return pmf.fit(graphs, config, progress=False, **more)

    monkeypatch.setattr(loop, "pick_device", lambda name: DEVICE)
    return run


def use(run):
    """Everything that one does with a run."""
    with pretend():
        table, matches, h = run.evaluate(), run.matches(), run.embeddings()
    assert run.model.graphs.edge_index.device == DEVICE and next(run.model.buffers()).device == DEVICE
    assert table["MRR"].between(0, 1).all() and len(matches)
    assert all(type(x) is torch.Tensor for x in h.values())


@pytest.mark.parametrize("wrong", [
    lambda a: a + torch.ones(3),
    lambda a: a.numpy(),
    lambda a: torch.rand(3, generator=torch.Generator(), device=DEVICE),
    lambda a: torch.stack([a, torch.ones(3)]),
])  # fmt: skip
def test_the_rehearsal_notices(wrong):
    with pretend():
        a = torch.ones(3).to(DEVICE)
        assert (a + a).sum().item() == 6
        with pytest.raises((RuntimeError, TypeError)):
            wrong(a)


def test_the_rehearsal_notices_in_a_model(graphs, on_gpu, monkeypatch):
    monkeypatch.setattr(
        pmf.PMF, "weights", lambda self, h, rows=slice(None): {m: torch.ones(len(x)) for m, x in h.items()}
    )
    with pytest.raises(RuntimeError, match="meets CPU tensors"):
        on_gpu(graphs, pmf.PRESETS["quick"].replace(**SMALL))


@pytest.mark.parametrize("preset", pmf.PRESETS)
def test_presets(graphs, on_gpu, preset):
    changes = SMALL | {"iterative_epochs": 4, "iterative_every": 2, "probation": 1}
    use(on_gpu(graphs, pmf.PRESETS[preset].replace(**changes)))


@pytest.mark.parametrize("system", sorted(SYSTEMS.keys() - {"pmf"}))
@pytest.mark.parametrize("ablate", [False, True])
def test_systems(graphs, on_gpu, system, ablate):
    use(on_gpu(graphs, published(system).replace(**SMALL | {"ablate": ablate, "epochs": 8})))


SWITCHES = [
    {"fanout": 2}, {"dtype": "bfloat16"}, {"missing": "noise"}, {"scorer": "shuffled"}, {"scorer": "oracle"},
    {"similarity": "euclidean"}, {"csls_rounds": 2}, {"candidates": "all"}, {"cross_modality": "stages"},
    {"cross_modality_over": "linked", "cross_modality_negatives": "one"}, {"accumulation": 2}, {"schedule": "epochs"},
]  # fmt: skip


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_switches(graphs, on_gpu, changes):
    use(on_gpu(graphs, pmf.PRESETS["paper"].replace(**SMALL | changes)))


# faiss looks for neighbours on the CPU, and cannot read the pretended tensors.
@pytest.mark.parametrize("matching", [name for name in pmf.MATCHERS if name != "approximate"])
@pytest.mark.parametrize("cells", [2**24, 64])
def test_matchers(graphs, on_gpu, matching, cells, monkeypatch):
    monkeypatch.setattr("pmf_minimal.scale.kernels.CELLS", cells)  # 64: a block of a few rows at a time
    use(on_gpu(graphs, pmf.PRESETS["quick"].replace(**SMALL, matching=matching)))


def test_large_sums(graphs, on_gpu, monkeypatch):
    monkeypatch.setattr("pmf_minimal.scale.kernels.LARGE", 1)  # the gradients by hand
    use(on_gpu(graphs, pmf.PRESETS["paper"].replace(**SMALL | {"batch_size": 64})))


def test_checkpoint_save_and_load(graphs, on_gpu, tmp_path):
    config = pmf.PRESETS["quick"].replace(**SMALL)
    run = on_gpu(graphs, config, checkpoint=tmp_path / "state")
    use(on_gpu(graphs, config, checkpoint=tmp_path / "state"))  # taken up at its end
    with pretend():
        run.save(tmp_path / "run")
        there = run.evaluate()
    again = pmf.load_run(tmp_path / "run", graphs)  # on the CPU
    pd.testing.assert_frame_equal(again.evaluate(), there)
