"""Names as features: letters and word vectors."""

import json

import numpy as np
import pytest
from toys import write

from pmf_minimal.datasets import benchmarks, text
from pmf_minimal.datasets.benchmarks import Source
from pmf_minimal.errors import DataError

NAMES = [[0, ["Paris"]], [2, ["tour", "Eiffel"]], [1, ["Paris"]], [3, ["eiffel", "tower"]], [9, ["a"]]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A benchmark folder with names and word vectors beside it."""
    write(tmp_path / "toy")
    (tmp_path / "names.json").write_text(json.dumps(NAMES))
    (tmp_path / "vectors.txt").write_text("the 9 9\nparis 1 0\neiffel 0 2\ntower 0 4\n")
    monkeypatch.setitem(benchmarks.DATASETS, "toy", Source("toy", 0.5, names="names.json"))
    return tmp_path


def test_letters(folder):
    graphs = benchmarks.load("toy", root=folder)
    row = {i: k for k, i in enumerate(graphs.source_ids.tolist())}
    char, mask = graphs.features["char"], graphs.masks["char"]
    assert "name" not in graphs.features
    assert char[row[0]].equal(char[row[1]])  # Paris and paris: pa ar ri is
    assert char[row[0]].sum() == 4
    # "tour eiffel" has to ou ur, ei if ff fe el: nothing across the space; "eiffel tower" shares to, ou is not in it
    assert char[row[2]].sum() == 8
    assert (char[row[2]] * char[row[3]]).sum() == 6
    assert not mask[row[9]]  # one letter is no bigram
    assert not mask[row[4]]  # no name at all


def test_word_vectors(folder):
    graphs = benchmarks.load("toy", root=folder, vectors=folder / "vectors.txt")
    row = {i: k for k, i in enumerate(graphs.source_ids.tolist())}
    name = graphs.features["name"]
    assert name[row[2]].tolist() == [0, 2]  # "tour" is unknown
    assert name[row[3]].tolist() == [0, 3]  # the mean of two
    assert graphs.masks["name"].tolist() == [k in (row[0], row[1], row[2], row[3]) for k in range(8)]


@pytest.mark.parametrize(
    "content",
    ("", "{}", "[[0]]", "[[0, 1]]", '[[0, ["a"]], [0, ["b"]]]', '[["0", ["a"]]]', "[[0, [1]]]", "[" * 100_000),
)
def test_malformed_names(tmp_path, content):
    path = tmp_path / "names.json"
    path.write_text(content)
    with pytest.raises(DataError, match="names.json"):
        text.read_names(path)


@pytest.mark.parametrize("line", ("paris 1 x", "paris 1", "paris", "paris nan 1", "paris 1 2 3"))
def test_malformed_vectors(tmp_path, line):
    path = tmp_path / "vectors.txt"
    path.write_text(f"tower 1 2\n{line}\n")
    with pytest.raises(DataError, match=r"vectors\.txt:2: "):
        text.read_vectors(path, {"paris", "tower"})


def test_vectors_of_other_words(tmp_path):
    (tmp_path / "vectors.txt").write_text("the 1 2\n")
    with pytest.raises(DataError, match="none of the names' words"):
        text.read_vectors(tmp_path / "vectors.txt", {"paris"})


def test_names_of_another_data_set(folder):
    (folder / "names.json").write_text('[[77, ["x", "yz"]]]')
    with pytest.raises(DataError, match="id 77"):
        benchmarks.load("toy", root=folder)


def test_vectors_without_names(folder):
    (folder / "names.json").unlink()
    with pytest.raises(DataError, match="names"):
        benchmarks.load("toy", root=folder, vectors=folder / "vectors.txt")
    assert np.isfinite(benchmarks.load("toy", root=folder).features["relation"]).all()
