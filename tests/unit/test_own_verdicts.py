"""What a person rejected: never a match again, no known pair, and learnt from as a pair that does not match."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from pmf_minimal import own
from pmf_minimal.cli.main import main
from pmf_minimal.datasets import worlds
from pmf_minimal.errors import DuplicateId
from pmf_minimal.own import mixture, posterior

SIDES = ["left_uri", "right_uri"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worlds") / "a"
    worlds.write(folder, 200, known=20)
    return folder


@pytest.fixture(scope="module")
def tables(world):
    return [own.read_graph(world / side) for side in ("left", "right")]


def pairs_of(table):
    return set(table[SIDES].itertuples(index=False, name=None))


def reviewed(matches, accepted, rejected, unsure):
    """As a report saves them."""
    rows = {"accepted": accepted, "rejected": rejected, "unsure": unsure}
    listed = [(*matches.loc[i, SIDES], "", "", word) for word, some in rows.items() for i in some]
    return pd.DataFrame(listed, columns=["left", "right", "left_name", "right_name", "verdict"])


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("known", [0, 20])
def test_rejected_pairs_never_match_again(tables, many, known):
    before = own.align(*tables, many=many, progress=False)
    # The surest, and some that are not sure at all.
    asked = reviewed(before.matches, range(10, 10 + known), [*range(10), *before.matches.index[-5:]], [30])
    after = own.align(*tables, asked, many=many, progress=False, precision=0)
    gone = pairs_of(before.matches.loc[[*range(10), *before.matches.index[-5:]]])
    assert not gone & pairs_of(after.matches) and after.matches["known"].sum() == known
    assert len(pairs_of(after.kept) & pairs_of(before.kept)) > 0.9 * (len(before.kept) - 15)
    assert {*map(tuple, after.settings["rejected"])} == gone


def test_predict_and_the_page_of_the_next_run_know_them(world, tmp_path):
    sides = [str(world / side) for side in ("left", "right")]
    first, second, third = (str(tmp_path / name) for name in ("first", "second", "third"))
    done = CliRunner().invoke(main, ["align", *sides, "--out", first])
    assert done.exit_code == 0, done.output
    matches = pd.read_csv(tmp_path / "first" / "matches.csv")
    reviewed(matches, range(4, 20), range(4), [20]).to_csv(tmp_path / "seeds.csv", index=False)
    page = ["--report", str(tmp_path / "page.html")]
    done = CliRunner().invoke(main, ["align", *sides, "--seeds", str(tmp_path / "seeds.csv"), "--out", second, *page])
    assert done.exit_code == 0, done.output
    facts = json.loads((tmp_path / "second" / "run.json").read_text())
    gone = pairs_of(matches[:4])
    assert {*map(tuple, facts["rejected"])} == gone and len(facts["known"]) == 16
    assert all(json.dumps([*pair])[1:-1].replace(", ", ",") in (tmp_path / "page.html").read_text() for pair in gone)
    done = CliRunner().invoke(main, ["predict", second, *sides, "--out", third])
    assert done.exit_code == 0, done.output
    for name in ("second", "third"):
        assert not gone & pairs_of(pd.read_csv(tmp_path / name / "matches.csv"))
    assert (tmp_path / "second" / "matches.csv").read_bytes() == (tmp_path / "third" / "matches.csv").read_bytes()


def test_of_a_file_and_of_a_table(tables, tmp_path):
    left, right = ([*side.entities()] for side in tables)
    rows = [(left[i], right[i], word) for i, word in enumerate(["accepted", "Rejected ", "unsure", "", "rejected"])]
    rows.append(("nowhere", "no", "rejected"))  # in graphs that have changed
    table = pd.DataFrame(rows, columns=["left", "right", "verdict"])
    table.to_csv(tmp_path / "seeds.csv", index=False)
    read = own.read_pairs(tmp_path / "seeds.csv", *tables)
    assert read["verdict"].tolist() == ["accepted", "rejected", "accepted", "rejected", "rejected"]
    for pairs in (read, table):
        graphs = own.from_frames(*tables, pairs)
        assert [[graphs.uris[k] for k in pair] for pair in graphs.pairs.tolist()] == [[*rows[0][:2]], [*rows[3][:2]]]
        assert own.align(*tables, pairs, progress=False).settings["rejected"] == [[*rows[1][:2]], [*rows[4][:2]]]
    table[4:].to_csv(tmp_path / "rejected.csv", index=False)  # and not one is known
    assert own.align(*tables, tmp_path / "rejected.csv", progress=False).settings["rejected"] == [[*rows[4][:2]]]


def test_a_pair_cannot_be_both(tables, tmp_path):
    left, right = (next(iter(side.entities())) for side in tables)
    (tmp_path / "seeds.csv").write_text(f"left,right,verdict\n{left},{right},accepted\n{left},{right},rejected\n")
    with pytest.raises(DuplicateId, match="seeds.csv:3: .* is rejected, and is a known pair, too; drop one of the two"):
        own.align(*tables, tmp_path / "seeds.csv", progress=False)


def test_evidence_is_learnt_from_them():
    """Many look alike, and half of those are rejected: to look alike speaks less for a match than it did."""
    n = 400
    row, alike = np.repeat(np.arange(n), 2), np.tile([0.9, 0.1], n).astype(np.float32)
    column = np.c_[np.arange(n), (np.arange(n) + 7) % n].ravel()
    no = np.zeros(2 * n, bool)
    rejected = (row % 2 == 0) & (alike > 0.5)
    guess = np.where(alike > 0.5, 0.95, 0.0)
    curves = {}
    for name, some in (("none", None), ("half", rejected)):
        pairs = mixture.Pairs(row, column, alike[:, None], no, ~no, rejected=some)
        found = posterior.fit(pairs, guess)
        curves[name] = float(np.ptp(found.curves[0](np.array([0.1, 0.9]))))
        if some is not None:
            assert not found.mutual[rejected.reshape(n, 2).any(axis=1)].any() or not rejected[found.pair].any()
            assert not posterior.start(pairs, [None], 1.0)[rejected].any()
    assert curves["half"] < curves["none"]
