import pytest
import torch
from toys import random_pair, toy

from pmf_minimal.errors import DataError


def rows(pairs):
    return {tuple(p) for p in pairs.tolist()}


@pytest.mark.parametrize(
    ("train_share", "valid_share", "sizes"), [(None, 0.2, (12, 3, 15)), (0.2, 0.5, (3, 3, 24)), (0.9, 0, (27, 0, 3))]
)
def test_split_is_a_partition(train_share, valid_share, sizes):
    graphs = random_pair()
    split = graphs.split(0, train_share, valid_share)
    parts = [split.train, split.valid, split.test]
    assert tuple(map(len, parts)) == sizes
    assert set.union(*map(rows, parts)) == rows(graphs.pairs) and sum(map(len, parts)) == len(graphs.pairs)
    assert "train" not in graphs  # a copy


def test_split_follows_its_seed():
    graphs = random_pair()
    assert torch.equal(graphs.split(1).test, graphs.split(1).test)
    assert rows(graphs.split(1).test) != rows(graphs.split(2).test)
    # The seeds and validation pairs together do not depend on how they are shared out.
    assert rows(graphs.split(1, 0.5, 0).train) == rows(graphs.split(1, 0.5, 0.4).train) | rows(
        graphs.split(1, 0.5, 0.4).valid
    )


@pytest.mark.parametrize(("train_share", "valid_share"), [(1.0, 0.2), (0.001, 0), (0.1, 1.0)])
def test_split_that_leaves_nothing(train_share, valid_share):
    with pytest.raises(DataError, match=r"toy/a_b: .* of 30 pairs.*choose shares"):
        random_pair().split(0, train_share, valid_share)


def test_with_split_shares_everything_else():
    graphs = toy()
    other = graphs.with_split(graphs.test, graphs.valid, graphs.train)
    assert torch.equal(other.train, graphs.pairs[4:]) and torch.equal(graphs.train, graphs.pairs[:3])
    assert other.features["image"] is graphs.features["image"]


def test_presence():
    graphs = toy()
    left, right = graphs.side("image")
    assert left.tolist() == [True] * 4 + [False, True] and right.tolist() == [True] * 5 + [False]
    assert graphs.mask("structure").all() and len(graphs.mask("structure")) == 12


def test_summary_and_repr():
    graphs = toy()
    summary = graphs.summary()
    assert summary["left"].to_dict() == {
        "entities": 6, "with a known counterpart": 6, "relations": 2, "triples": 5, "with relation": 5, "with image": 5,
    }  # fmt: skip
    assert summary["right"]["with image"] == 5 and graphs.n_right == 6
    assert repr(graphs) == "GraphPair(toy/a_b: 6 + 6 entities, 10 triples, 6 pairs; structure, relation, image)"
