"""What a run leaves: matches, a folder that is whole or not there, and the same run read back from it."""

import json
import os
import shutil
import socket
import stat
import sys

import pandas as pd
import pytest
import torch
from toys import random_pair, tiny

import pmf_minimal as pmf
from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets import folders
from pmf_minimal.datasets.synthetic import generate
from pmf_minimal.errors import DamagedFile, DataError, MissingFile, NotWritable, OtherRun
from pmf_minimal.runs import folder
from pmf_minimal.runs.run import fit, load_run
from pmf_minimal.scale.settings import FORMAT

EVIDENCE = dict(scoring="off", freezing="off", fusion="evidence")


@pytest.fixture(scope="module")
def run():
    return fit(random_pair(), tiny(epochs=2), "cpu", progress=False)


# --- Matches --------------------------------------------------------------------------------------------------------


def test_matches(run):
    table = run.matches()
    test = {(int(i), int(j)) for i, j in run.graphs.test}
    assert table["left"].is_unique and table["right"].is_unique and len(table) == len(test)
    assert set(table["left"]) == {i for i, _ in test} and set(table["right"]) == {j for _, j in test}
    for row in table.itertuples():
        assert row.correct == ((row.left, row.right) in test)
        assert row.left_id == run.graphs.source_ids[row.left] and row.right_name == run.graphs.entity_names[row.right]


@pytest.mark.parametrize("how", sorted(pmf.MATCHERS.keys() - {"approximate"}))
def test_ties_are_not_decided_by_the_truth(how):
    """All images alike: every matching is a guess, of which one pair in a hundred is correct."""
    graphs = generate(200, seed=0).split(0, 0.4, 0.25)
    graphs.features["image"] = torch.ones_like(graphs.features["image"])
    config = tiny(epochs=1, modalities=("image",), matching=how, scoring="off", selection="last")
    table = fit(graphs, config, "cpu", progress=False).matches()
    assert len(graphs.test) == 96 and 1 <= len(table) <= 96 and (len(table) == 96 or how == "mutual")
    assert table["correct"].sum() <= 6  # Poisson with mean 1: more happens once in 10,000


def test_each_matcher_decides_the_matches(run, monkeypatch):
    """A setting that is kept beside the results, and changes none of them, would pass any test of the setting alone."""
    # In three dimensions and all on one side, some vectors are the nearest of many.
    x = torch.rand(run.graphs.num_nodes, 3, generator=torch.Generator().manual_seed(0)) ** 3
    monkeypatch.setattr(run.model, "embed", lambda: {"joint": torch.nn.functional.normalize(x)})
    left, right = run.graphs.test.T
    right = right[torch.randperm(len(right), generator=torch.Generator().manual_seed(0))]
    decided = {}
    for how in sorted(pmf.MATCHERS.keys() - {"approximate"}):
        config = run.config.replace(matching=how)
        monkeypatch.setattr(run, "config", config)
        table = run.matches()
        decided[how] = sorted(zip(table["left"], table["right"], strict=True))
        s = run.model.pair_scores(*(run.model.embed()["joint"][rows] for rows in (left, right)), config).dense
        if how != "sinkhorn":  # which is computed among the nearest ones alone
            rows, columns = pmf.MATCHERS[how](s).T
            assert decided[how] == sorted(zip(left[rows].tolist(), right[columns].tolist(), strict=True))
    assert len({tuple(pairs) for pairs in decided.values()}) == len(decided)


# --- Writing --------------------------------------------------------------------------------------------------------


def test_nothing_appears_before_all_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "write_tensors", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    shutil.rmtree(next(tmp_path.glob("out.*.part")))
    monkeypatch.undo()
    run.save(tmp_path / "out")
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    table = folder.metrics_table(metrics)
    assert table.loc["joint", ("left to right", "Hits@1")] == metrics["test"][-4]["Hits@1"]
    every = run.evaluate(candidates="all").loc["joint"]
    assert table.loc["joint, all candidates", ("right to left", "MRR")] == every.loc["right to left", "MRR"]
    assert not [*tmp_path.glob("out/.*")] and [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_was_written_before_a_mistake_stays(run, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "write_metrics", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        run.save(tmp_path / "out")
    (part,) = tmp_path.iterdir()
    assert caught.value.__notes__ == [f"What there is of {tmp_path / 'out'} lies in {part}."]
    assert load_run(part, random_pair()).config == run.config


def test_a_run_without_test_pairs_is_saved(tmp_path):
    graphs = random_pair()
    run = fit(
        graphs.with_split(graphs.pairs[:20], graphs.pairs[20:], graphs.pairs[:0]), tiny(epochs=1), "cpu", progress=False
    )
    run.save(tmp_path / "out")
    assert not {"metrics.json", "matches.csv"} & {p.name for p in (tmp_path / "out").iterdir()}
    assert load_run(tmp_path / "out", graphs).graphs.valid.tolist() == graphs.pairs[20:].tolist()
    with pytest.raises(DataError, match="no pairs to measure by"):
        run.evaluate()


def test_a_folder_of_somebody_else_stays(run, tmp_path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "mine").write_text("dear")
    run.save(tmp_path / "out")
    assert (tmp_path / "out.part" / "mine").read_text() == "dear"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "out.part"]


def test_a_folder_that_came_meanwhile_costs_no_result(run, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(NotWritable, match="it is there already.*what there is lies in"):
        run.save(tmp_path / "out")
    (part,) = tmp_path.glob("out.*.part")
    assert (part / "metrics.json").exists() and not [*(tmp_path / "out").iterdir()]
    run.save(tmp_path / "other")
    assert load_run(part, random_pair()).config == run.config  # and it is a whole folder of a run


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is Unix's")
def test_a_full_disk_costs_no_result(tmp_path):
    """What had been written stays, also when the same folder is asked for again."""
    import resource

    run = fit(random_pair(), tiny(epochs=1, dim=256), "cpu", progress=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(
            NotWritable, match=r"out: cannot be written \(.*\); what there is lies in .*out\.\w+\.part$"
        ):
            run.save(tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (part,) = tmp_path.iterdir()
    assert len(pd.read_csv(part / "matches.csv")) == len(run.graphs.test) and (part / "metrics.json").exists()
    folders.sweep(tmp_path)
    run.save(tmp_path / "out")
    assert (part / "matches.csv").read_bytes() == (tmp_path / "out" / "matches.csv").read_bytes()


def test_what_killed_processes_left_is_removed(run, tmp_path):
    dead, alive = tmp_path / "o[ut.00000000.part", tmp_path / "o[ut.11111111.part"
    for part, process in ((dead, 2**22 + 1), (alive, os.getppid())):  # the first is beyond all process numbers
        part.mkdir()
        (part / folders.MARK).write_text(f"{process} {socket.gethostname()}")
    run.save(tmp_path / "o[ut")
    assert not dead.exists() and alive.exists() and (tmp_path / "o[ut").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_who_may_read_the_folder_may_read_all_of_it(run, tmp_path):
    before = os.umask(0o022)
    try:
        run.save(tmp_path / "out")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").iterdir()} == {0o644}


# --- Reading back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {**EVIDENCE, "iterative_epochs": 2},
        {"missing": "noise", "loss_weights": "learned"},
        {"modalities": ("relation", "image", "name")},  # the graphs have no names
        {"model": "umaea"},
        {"model": "mmea"},
    ],
    ids=str,
)
def test_a_run_is_the_same_when_it_is_read_back(changes, tmp_path):
    run = fit(random_pair(), tiny(epochs=4, **changes), "cpu", progress=False)
    run.save(tmp_path / "run")
    again = pmf.load_run(tmp_path / "run", random_pair())
    assert again.config == run.config and again.best_epoch == run.best_epoch
    found, expected = again.embeddings(), run.embeddings()
    assert found.keys() == expected.keys() and all(torch.equal(found[m], expected[m]) for m in expected)
    pd.testing.assert_frame_equal(again.evaluate(), run.evaluate(), check_exact=True)
    pd.testing.assert_frame_equal(again.matches(), run.matches(), check_exact=True)
    pd.testing.assert_frame_equal(again.history, run.history, check_dtype=False, check_index_type=False)
    for name in ("train", "valid", "test"):
        assert torch.equal(again.graphs[name], run.graphs[name])


def test_other_graphs_are_refused(run, tmp_path):
    run.save(tmp_path / "run")
    poorer = random_pair()
    del poorer.features["image"]
    for graphs, says in (
        (random_pair(seed=1), "trained on other graphs than these; give the same files, or train anew"),
        (random_pair(n=31), "trained on other graphs"),
        (poorer, "trained with image too, which these graphs lack"),
    ):
        with pytest.raises(OtherRun, match=f"run: {says}"):
            load_run(tmp_path / "run", graphs)


@pytest.mark.parametrize("name", ["run.json", "config.json", "history.csv", "model.safetensors"])
def test_a_folder_that_is_not_whole_is_refused(run, tmp_path, name):
    run.save(tmp_path / "run")
    path = tmp_path / "run" / name
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"\xff\x00", b"[]"):
        if name == "history.csv" and damaged[:1] == whole[:1]:
            continue  # half a table is a table
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile) as caught:
            load_run(tmp_path / "run", random_pair())
        assert str(tmp_path / "run") in str(caught.value) and "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises((MissingFile, DamagedFile), match=name):
        load_run(tmp_path / "run", random_pair())


def test_weights_of_another_model_are_refused(run, tmp_path):
    run.save(tmp_path / "run")
    fit(random_pair(), tiny(epochs=1, dim=4), "cpu", progress=False).save(tmp_path / "small")
    (tmp_path / "small" / "model.safetensors").replace(tmp_path / "run" / "model.safetensors")
    with pytest.raises(DamagedFile, match="model.safetensors: not the weights of this model"):
        load_run(tmp_path / "run", random_pair())


# --- Versions -------------------------------------------------------------------------------------------------------

NEWER = rf"format {FORMAT + 1}, and this version reads format {FORMAT}; install a newer pmf-minimal$"
OLDER = rf"format {FORMAT - 1}, and this version reads format {FORMAT}; train again, or use pmf-minimal 0.1$"


def rewrite(path, **changes):
    """Change entries of a JSON file; None takes one out."""
    facts = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in facts.items() if value is not None}))
    return path.read_text()


@pytest.fixture
def kept(tmp_path):
    """Folders of a run and of checkpoints."""
    run = fit(random_pair(), tiny(epochs=2, **EVIDENCE), "cpu", progress=False, checkpoint=tmp_path / "state")
    run.save(tmp_path / "run")
    return tmp_path


def test_every_file_says_its_version(kept):
    for name in ("run/config.json", "run/metrics.json", "run/run.json", "state/state.json"):  # fmt: skip
        assert json.loads((kept / name).read_text())["format"] == FORMAT


def test_settings_of_another_version(kept):
    path = kept / "run" / "config.json"
    assert PMFConfig.from_json(path.read_text()) == tiny(epochs=2, **EVIDENCE)
    for version, says in ((FORMAT + 1, NEWER), (FORMAT - 1, OLDER)):
        with pytest.raises(OtherRun, match=f"config.json: {says}"):
            PMFConfig.from_json(rewrite(path, format=version, a_field_of_another_time=1))


def test_figures_of_another_version(kept):
    path = kept / "run" / "metrics.json"
    assert "joint" in folder.metrics_table(json.loads(path.read_text())).index
    with pytest.raises(OtherRun, match=f"metrics.json: {NEWER}"):
        folder.metrics_table(json.loads(rewrite(path, format=FORMAT + 1, test=None)))


def test_runs_of_another_version(kept):
    graphs, path = random_pair(), kept / "run" / "run.json"
    assert load_run(path.parent, graphs).config.fusion == "evidence"
    for version, says in (
        (FORMAT + 1, NEWER),
        (FORMAT - 1, OLDER),
        (None, "format 1, .*train again"),
        ("x", "format .x.,"),
    ):
        rewrite(path, format=version, graphs=None)
        with pytest.raises(OtherRun, match=f"run.json: {says}"):
            load_run(path.parent, graphs)


def test_states_of_another_version(kept):
    path = kept / "state" / "state.json"
    for version, says in ((FORMAT + 1, NEWER), (FORMAT - 1, OLDER), (None, "format 1, .*train again")):
        rewrite(path, format=version, tensors=None)
        with pytest.raises(OtherRun, match=f"state.json: {says}"):
            fit(random_pair(), tiny(epochs=2, **EVIDENCE), "cpu", progress=False, checkpoint=path.parent)
