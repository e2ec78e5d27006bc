"""Worlds as files: what is in them, that the random seed decides everything, and that `align` finds most of their pairs."""

import filecmp

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from pmf_minimal import own
from pmf_minimal.cli.main import main
from pmf_minimal.datasets import worlds
from pmf_minimal.errors import DataError, NotWritable

FILES = [f"{side}/{name}.csv" for side in ("left", "right") for name in ("triples", "names", "attributes")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worlds") / "a"
    done = CliRunner().invoke(main, ["data", "make", str(folder), "--entities", "1000", "--known", "50"])
    assert done.exit_code == 0, done.output
    return folder


def test_what_is_in_it(world):
    left, right = (own.read_graph(world / side) for side in ("left", "right"))
    truth, known = (pd.read_csv(world / f"{name}.csv") for name in ("truth", "seeds"))
    assert len(truth) == 800 and truth["left"].is_unique and truth["right"].is_unique
    pd.testing.assert_frame_equal(known, truth[:50])
    for tables, ids in ((left, truth["left"]), (right, truth["right"])):
        assert len(tables.entities()) == 1000 and set(ids) <= set(tables.entities())
        degrees = np.sort(tables.triples[["head", "tail"]].stack().value_counts().to_numpy())[::-1]
        assert degrees[:10].sum() > 10 * 5 * degrees.mean()  # few have many
    assert len(left.names) == 1000 and 950 < len(right.names) < 990
    pairs = [(left.names[a], right.names[b]) for a, b in truth.to_numpy() if b in right.names]
    same = np.mean([a == b for a, b in pairs])
    turned = np.mean([", " in b for _, b in pairs])
    assert 0.5 < same < 0.68 and 0.06 < turned < 0.14


def test_counterparts_have_like_facts_and_values(world):
    left, right = (own.read_graph(world / side) for side in ("left", "right"))
    other = dict(pd.read_csv(world / "truth.csv").to_numpy())
    linked = {*zip(right.triples["head"], right.triples["tail"], strict=True)}
    both = [(other[h], other[t]) for h, t in left.triples[["head", "tail"]].to_numpy() if h in other and t in other]
    assert 0.6 < np.mean([pair in linked for pair in both]) < 0.8  # each graph keeps 70 % of all facts
    born = [t.attributes[t.attributes["attribute"] == name].set_index("entity")["value"]
            for t, name in ((left, "born"), (right, "dateOfBirth"))]  # fmt: skip
    pairs = [(born[0][a], born[1][b]) for a, b in other.items() if a in born[0] and b in born[1]]
    assert len(pairs) > 150 and all(a == b for a, b in pairs)


def test_the_random_seed_decides_everything(world, tmp_path):
    worlds.write(tmp_path / "again", 1000, known=50)
    assert filecmp.cmpfiles(world, tmp_path / "again", [*FILES, "truth.csv", "seeds.csv"], shallow=False)[0] == [
        *FILES, "truth.csv", "seeds.csv",
    ]  # fmt: skip
    worlds.write(tmp_path / "other", 1000, seed=1)
    assert not filecmp.cmpfiles(world, tmp_path / "other", FILES, shallow=False)[0]
    assert not (tmp_path / "other" / "seeds.csv").exists()


def test_align_finds_most_of_its_pairs(world):
    found = own.align(world / "left", world / "right", world / "seeds.csv", progress=False)
    truth = {*pd.read_csv(world / "truth.csv")[50:].itertuples(index=False, name=None)}
    new = found.kept[~found.kept["known"]]
    right = len(truth & {*zip(new["left_uri"], new["right_uri"], strict=True)})
    assert 2 * right / (len(new) + len(truth)) > 0.9


def test_numbers_that_cannot_be_had(world, tmp_path):
    for n, known in ((19, 0), (10**8, 0), (100, -1), (100, 81)):
        with pytest.raises(DataError, match="give"):
            worlds.write(tmp_path / "w", n, known=known)
    with pytest.raises(NotWritable):
        worlds.write(world, 20)
    said = CliRunner().invoke(main, ["data", "make", str(tmp_path / "w"), "--entities", "3"])
    assert said.exit_code == 2 and "20 to 10,000,000" in said.output
