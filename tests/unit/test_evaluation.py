"""Evaluation of a model against loops over candidates."""

import pytest
import torch
from torch.nn.functional import cosine_similarity
from toys import random_pair, same, tiny

from pmf_minimal.model import PMF
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.scale.evaluation import candidate_rows, evaluate_model


@pytest.fixture(scope="module")
def graphs():
    return random_pair().split(0)


@pytest.mark.parametrize("candidates", ["test", "all"])
def test_both_directions(graphs, candidates):
    pmf = PMF(graphs, tiny())
    table = evaluate_model(pmf, graphs.test, tiny(candidates=candidates))
    assert set(table.index.get_level_values("embedding")) == {*pmf.modalities, "joint"}
    for name, h in pmf.embed().items():
        for direction, (own, other) in {"left to right": (0, 1), "right to left": (1, 0)}.items():
            pool = graphs.test[:, other]
            if candidates == "all":
                pool = torch.arange(graphs.n_left, graphs.num_nodes) if other else torch.arange(graphs.n_left)
            found = []
            for pair in graphs.test:
                s = {int(j): float(cosine_similarity(h[pair[own]], h[j], dim=0)) for j in pool}
                mine = s[int(pair[other])]
                better, equal = sum(x > mine + 1e-6 for x in s.values()), sum(abs(x - mine) <= 1e-6 for x in s.values())
                found.append(sum(1 / (better + 1 + i) for i in range(equal)) / equal)
            assert table.loc[(name, direction), "MRR"] == pytest.approx(sum(found) / len(found), abs=1e-3)


def test_only(graphs):
    pmf = PMF(graphs, tiny())
    table = evaluate_model(pmf, graphs.valid, tiny(), only="joint")
    assert list(table.index) == [("joint", "left to right"), ("joint", "right to left")]
    assert table.equals(evaluate_model(pmf, graphs.valid, tiny()).loc[["joint"]])


def test_candidates(graphs):
    h = torch.randn(graphs.num_nodes, 4, generator=torch.Generator().manual_seed(0))

    def similarity(candidates):
        left, right, rows, columns = candidate_rows(graphs, graphs.test, candidates)
        return Similarities(h[left], h[right]).dense, rows, columns

    everybody, rows, columns = similarity("all")
    assert everybody.shape == (graphs.n_left, graphs.n_right)
    few, few_rows, few_columns = similarity("test")
    assert few.shape == (len(graphs.test),) * 2
    same(few[few_rows, few_columns], everybody[rows, columns], 1e-5)


def test_frozen_shares(graphs):
    """Among the features that are there; a missing one is not frozen."""
    pmf = PMF(graphs, tiny())
    assert set(pmf.frozen_shares().values()) == {0.0}
    image = graphs.masks["image"].nonzero().ravel()
    pmf.active["image"][image[: len(image) // 4]] = False
    assert pmf.frozen_shares()["frozen image"] == pytest.approx(len(image) // 4 / len(image))
