"""The front door: one import, nothing heavy before it is asked for, and a run in a few lines."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from toys import random_pair, tiny

import pmf_minimal as pmf
from pmf_minimal.beyond.released import UncertaintyWeighting

HEAVY = "{'torch', 'torch_geometric', 'numpy', 'pandas', 'scipy'}"


def in_a_new_process(script):
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr


def test_the_import_loads_nothing_heavy_and_a_name_what_it_needs():
    in_a_new_process(
        f"import sys, pmf_minimal as pmf\nassert not {HEAVY} & sys.modules.keys()\n"
        "assert {'load', 'fit', 'align', 'load_run'} <= set(dir(pmf))\n"
        f"pmf.DataError, pmf.SYSTEMS, pmf.__version__\nassert not {HEAVY} & sys.modules.keys()\n"
        "pmf.PRESETS\nassert 'torch' in sys.modules and 'pmf_minimal.own' not in sys.modules\n"
    )
    in_a_new_process("from pmf_minimal import fit, Run\nassert fit.__module__ == 'pmf_minimal.runs.run'")


def test_every_name_leads_somewhere():
    assert {"load", "fit", "load_run", "align", "Training", "PMF", "PMFConfig", "PRESETS", "SCALES", "MATCHERS", "SYSTEMS"} <= set(pmf.__all__)  # fmt: skip
    assert all(getattr(pmf, name) is not None for name in pmf.__all__) and sorted(pmf.__all__) == dir(pmf)
    with pytest.raises(AttributeError, match="module 'pmf_minimal' has no attribute 'trian'"):
        pmf.trian  # noqa: B018


def test_presets_and_changes():
    graphs = random_pair()
    changes = dict(dim=8, epochs=2, evaluate_every=1, iterative_epochs=0, progress=False)
    by_name = pmf.fit(graphs, "recommended", "cpu", **changes)
    by_config = pmf.fit(graphs, pmf.PRESETS["recommended"], "cpu", **changes)
    assert by_name.config == by_config.config and by_name.config.fusion == "evidence"
    assert pmf.fit(graphs, device="cpu", **changes).config == by_name.config
    assert by_name.history.equals(by_config.history)
    with pytest.raises(ValueError, match="preset='best': choose one of paper, released, quick, recommended"):
        pmf.fit(graphs, "best")
    with pytest.raises(ValueError, match="no such field of the configuration: epoch"):
        pmf.fit(graphs, "quick", epoch=3)


def test_a_run_says_what_it_knows():
    run = pmf.fit(random_pair(), tiny(epochs=2), "cpu", progress=False)
    table = run.evaluate()
    assert table.index.names == ["embedding", "direction"] and list(table.columns) == ["Hits@1", "Hits@10", "MRR"]
    assert not run.evaluate(candidates="all").equals(table) and run.config.candidates == "test"
    assert run.evaluate(run.graphs.train).loc["joint", "MRR"].between(0, 1).all()
    h = run.embeddings()
    assert list(h) == [*run.model.modalities, "joint"] and all(
        len(x) == 63 and x.device.type == "cpu" for x in h.values()
    )
    assert list(run.matches()["correct"].unique()) and run.matches()["score"].is_monotonic_decreasing


def worlds(n=40):
    """Two tables of triples of the same ring with chords, with ids of their own, ten known pairs each way round."""
    rng = np.random.default_rng(0)
    links = [(i, (i + 1) % n) for i in range(n)] + [tuple(rng.integers(n, size=2)) for _ in range(2 * n)]
    left, right = (
        pd.DataFrame(
            [(f"{s}{a}", f"r{(a + b) % 3}", f"{s}{b}") for a, b in links], columns=["head", "relation", "tail"]
        )
        for s in "lr"
    )
    return left, right, pd.DataFrame({"left": [f"l{i}" for i in range(20)], "right": [f"r{i}" for i in range(20)]})


def test_align_takes_dataframes_and_gives_some_back(tmp_path):
    left, right, seeds = worlds()
    result = pmf.align(left, right, seeds, precision=0.5, progress=False)
    assert {"left_uri", "right_uri", "known", "score", "probability", "evidence", "precision"} <= set(result.matches)
    assert result.matches["known"].sum() == 20 and result.precision == 0.5
    assert set(result.kept.index) <= set(result.matches.index) and result.kept["known"].sum() == 20
    assert (result.thresholds["precision"].between(0, 1)).all()
    result.save(tmp_path / "run")
    with pytest.raises(pmf.DataError, match="is there already"):
        result.save(tmp_path / "run")


# --- What a stranger adds without touching the package --------------------------------------------------------------

AWKWARD = ("a-b", "v1.2", "my own words", "values", "type", "keys", "pop", "structure-image", "cross", "")


def renamed(names):
    """random_pair with its attributes under other names, and noise where some are missing."""
    graphs = random_pair()
    for k, name in enumerate(names):
        graphs.features[name] = graphs.features["attribute"].roll(k, dims=1)
        graphs.masks[name] = graphs.masks["attribute"] & (torch.arange(graphs.num_nodes) % 7 != k % 7)
        graphs.features[name] = graphs.features[name] * graphs.masks[name][:, None]
    return graphs


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss_weights": "learned", "missing": "noise", "cross_modality": "stages", "freezing": "row"},
        {"scoring": "off", "freezing": "off", "fusion": "evidence"},
        {"model": "eva"},
        {"model": "meaformer", "missing": "noise"},
        {"model": "umaea"},
    ],
    ids=str,
)
def test_modalities_may_have_any_name(changes, tmp_path):
    names = AWKWARD[:-1]
    graphs, modalities = renamed(names), ("structure", "image", *names)
    config = tiny(epochs=4, scoring_end=2, **changes).with_modalities(modalities)
    run = pmf.fit(graphs, config, "cpu", progress=False, checkpoint=tmp_path / "state")
    assert run.model.modalities == modalities and set(run.evaluate().index.get_level_values(0)) == {
        *modalities,
        "joint",
    }
    assert {f"frozen {m}" for m in modalities} <= set(run.history)
    run.save(tmp_path / "run")
    again = pmf.load_run(tmp_path / "run", renamed(names))
    assert all(torch.equal(again.embeddings()[m], h) for m, h in run.embeddings().items())
    rest = pmf.fit(renamed(names), config, "cpu", progress=False, checkpoint=tmp_path / "state")
    assert all(torch.equal(a, b) for a, b in zip(run.embeddings().values(), rest.embeddings().values(), strict=True))


@pytest.mark.parametrize("name", ["", "joint"])
def test_a_name_that_would_mean_something_else_is_refused(name):
    with pytest.raises(ValueError, match="^modalities="):
        tiny().with_modalities(("structure", name))


def test_names_of_losses_are_no_strings_to_be_taken_apart():
    """`structure-image` is a modality here, and no pair of them."""
    names = [("structure-image",), ("cross", "structure", "image")]
    weighting = UncertaintyWeighting(names)
    out = weighting({name: torch.tensor(1.0 + k) for k, name in enumerate(names)})
    assert [float(x.detach()) for x in out.values()] == [1.0, 2.0] and list(out) == names
