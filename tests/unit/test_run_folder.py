import pytest
from toys import random_pair, tiny

from pmf_minimal.errors import DataError
from pmf_minimal.runs.run import fit
from pmf_minimal.scale import run_folder


@pytest.fixture(scope="module")
def run():
    return fit(random_pair(), tiny(epochs=2), "cpu", progress=False)


def test_matches(run):
    table = run_folder.matches(run)
    test = {(int(i), int(j)) for i, j in run.graphs.test}
    assert table["left"].is_unique and table["right"].is_unique and len(table) == len(test)
    assert set(table["left"]) == {i for i, _ in test} and set(table["right"]) == {j for _, j in test}
    for row in table.itertuples():
        assert row.correct == ((row.left, row.right) in test)
        assert row.left_id == run.graphs.source_ids[row.left] and row.right_name == run.graphs.entity_names[row.right]


def test_nothing_appears_before_all_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "save_file", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_folder.save(run, tmp_path / "out")
    assert not [*tmp_path.iterdir()]
    monkeypatch.undo()
    metrics = run_folder.save(run, tmp_path / "out")
    assert (tmp_path / "out" / "metrics.json").exists()
    table = run_folder.table(metrics)
    assert table.loc["joint", ("left to right", "Hits@1")] == metrics["test"][-2]["Hits@1"]


def test_a_folder_of_somebody_else_stays(run, tmp_path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "mine").write_text("dear")
    run_folder.save(run, tmp_path / "out")
    assert (tmp_path / "out.part" / "mine").read_text() == "dear"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "out.part"]


def test_a_folder_that_came_meanwhile_costs_no_result(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("dear")
    with pytest.raises(DataError, match="the results are in"):
        run_folder.save(run, tmp_path / "out")
    (part,) = tmp_path.glob("out.*.part")
    assert (part / "metrics.json").exists() and (tmp_path / "out" / "mine").exists()
