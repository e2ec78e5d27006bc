"""Evidence of modalities for pairs: the formula by hand, blocks against plain loops, trust learnt from validation pairs."""

import math

import pytest
import torch
from torch.nn.functional import normalize
from toys import pair_of_graphs, random_pair, same, tiny

from pmf_minimal import matching
from pmf_minimal.beyond import calibration, evidence, self_training
from pmf_minimal.beyond.self_training import CautiousPairs, ConfidentPairs, estimate, lonely_share
from pmf_minimal.errors import DataError
from pmf_minimal.fusion import fuse
from pmf_minimal.runs.run import fit
from pmf_minimal.scale import block_matching, kernels

TAU = torch.tensor([0.1, 0.5])


def joints(seed=0, n=23, m=31):
    """Joint embeddings of two modalities, w between 0 and 1, and some missing."""
    g = torch.Generator().manual_seed(seed)
    out = []
    for k in (n, m):
        h = {name: torch.randn(k, 5, generator=g) for name in "ab"}
        w = {name: torch.rand(k, generator=g) * (torch.rand(k, generator=g) > 0.2) for name in "ab"}
        out.append((h, w, fuse(h, w)))
    return out


def plainly(left, right):
    """The same, pair by pair, as the formulas say."""
    (h, w, _), (g, v, _) = left, right
    total = torch.zeros(len(w["a"]), len(v["a"]))
    for tau, m in zip(TAU.tolist(), "ab", strict=True):
        x, y = normalize(h[m]), normalize(g[m])
        mine, others = (k.nonzero().ravel() for k in (w[m], v[m]))
        for i in mine:
            for j in others:
                rows = (x[i] @ y[others].T / tau).exp().mean()
                columns = (x[mine] @ y[j] / tau).exp().mean()
                r = math.exp(x[i] @ y[j] / tau) / math.sqrt(rows * columns)
                trust = w[m][i] * v[m][j]
                total[i, j] += torch.log(1 - trust + trust * r)
    return total


def test_by_hand():
    log, half = torch.log, torch.tensor(0.5)
    same(calibration.evidence(torch.tensor(0.0), half), torch.tensor(0.0))  # no likelier for a pair than for strangers
    same(calibration.evidence(log(torch.tensor(9.0)), half), log(torch.tensor(5.0)))
    same(calibration.evidence(torch.tensor(-50.0), half), log(half))  # the worst it can say
    same(calibration.evidence(torch.tensor(40.0), half), 40 + log(half))  # no bound upwards
    same(calibration.evidence(torch.tensor([40.0, -40.0]), torch.zeros(2)), torch.zeros(2))  # one has no such feature
    assert calibration.evidence(torch.tensor(-80.0), torch.tensor(1.0)) > -12, "nothing is certain"


@pytest.mark.parametrize("cells", [70, 10**6])
@pytest.mark.parametrize("rounds", [0, 2])
def test_blocks_against_loops(monkeypatch, cells, rounds):
    monkeypatch.setattr(kernels, "CELLS", cells)
    left, right = joints()
    whole = plainly(left, right)
    for _ in range(rounds):
        whole = matching.csls(whole, 2)
    s = evidence.Evidence(left[2], right[2], TAU, 2, rounds)
    assert s.fits_in_block == (cells > 1000)
    same(torch.cat([block.clone() for _, block in s]), whole, 1e-4)
    same(torch.cat([block.clone() for _, block in s.T]), whole.T, 1e-4)
    rows, columns = torch.tensor([3, 0, 22]), torch.tensor([30, 7])
    same(s.block(rows, columns), whole[rows][:, columns], 1e-4)
    same(s.subset(rows, columns).dense, whole[rows][:, columns], 1e-4)
    same(s.pairs(rows[:2], columns), whole[rows[:2], columns], 1e-4)
    if not rounds:
        same(s.by_modality(rows[:2], columns).sum(dim=1), whole[rows[:2], columns], 1e-4)


def test_parts_may_have_other_widths():
    """A part that zeros make wider says the same."""
    left, right = joints()
    same_width = evidence.Evidence(left[2], right[2], TAU, 2, 1)
    wider = [torch.cat([x[2][:, :5], torch.zeros(len(x[2]), 4), x[2][:, 5:]], dim=1) for x in (left, right)]
    s = evidence.Evidence(*wider, TAU, 2, 1, widths=[9, 5])
    same(s.dense, same_width.dense, 1e-4)
    rows = torch.tensor([0, 3, 22])
    same(s.by_modality(rows, rows), same_width.by_modality(rows, rows), 1e-4)
    same(s.confidence(rows, rows), same_width.confidence(rows, rows), 1e-4)


def test_who_has_nothing_is_nobodys_pair():
    left, right = joints()
    left[2][4], right[2][7] = 0, 0
    s = evidence.Evidence(left[2], right[2], TAU).dense
    assert s.isfinite().all() and (s[4] == 0).all() and (s[:, 7] == 0).all()
    nobody = evidence.Evidence(0 * left[2], right[2], TAU)
    assert (nobody.dense == 0).all()


def noise(graphs, share, seed=0):
    """The embeddings of a pair that find each other, where those of some in modality b are noise."""
    g = torch.Generator().manual_seed(seed)
    out = {}
    for m, bad in (("a", 0.0), ("b", share)):
        h = torch.zeros(graphs.num_nodes, 16)
        left, right = graphs.pairs.T
        h[left] = torch.randn(len(left), 16, generator=g)
        h[right] = h[left] + 0.8 * torch.randn(len(left), 16, generator=g)
        worthless = torch.rand(graphs.num_nodes, generator=g) < bad
        h[worthless] = torch.randn(int(worthless.sum()), 16, generator=g)
        out[m] = h
    return out


@pytest.fixture
def linked():
    mask = {m: torch.ones(600, dtype=torch.bool) for m in "ab"}
    pairs = torch.stack([torch.arange(300), torch.arange(300, 600)], dim=1)
    return pair_of_graphs(300, 300, [(0, 0, 1)], {}, mask, pairs).split(0, 0.5, 0.5)


def test_trust_is_learnt(linked):
    linked.features = h = noise(linked, 0.5)
    tau, trust = calibration.calibrate(h, linked, 0)
    assert (tau > 0).all() and trust["a"].mean() > trust["b"].mean() + 0.2
    # pairs whose pictures are noise should not be punished for it
    left, right = linked.test.T
    figure = {}
    for name, w in (("learnt", trust), ("full", {m: torch.full((600,), 0.999) for m in h})):
        z = fuse(h, w)
        s = evidence.Evidence(z[left], z[right], tau).dense
        figure[name] = (s.argmax(dim=1) == torch.arange(len(s))).float().mean()
    assert figure["learnt"] > figure["full"] + 0.05


def test_without_validation_pairs_the_prior_is_all_there_is(linked):
    h = noise(linked, 0.5)
    tau, trust = calibration.calibrate(h, linked.with_split(linked.train, linked.valid[:0], linked.test), 0)
    same(tau, torch.full((2,), 0.05), 1e-6)
    assert abs(float(trust["a"].mean() - trust["b"].mean())) < 0.1


def test_calibration_never_sees_test_pairs(linked):
    h = noise(linked, 0.5)
    other = linked.test.clone()
    other[:, 1] = other[:, 1].flip(0)
    tau, trust = calibration.calibrate(h, linked, 0)
    again, too = calibration.calibrate(h, linked.with_split(linked.train, linked.valid, other), 0)
    same(tau, again)
    same(trust["b"], too["b"])


def test_what_is_known_of_given_features_need_not_be_computed_again(linked):
    linked.features = h = noise(linked, 0.5)
    z = calibration.match_zscores(h, linked)
    for m in "ab":
        left, right = (z[m][rows] for rows in (slice(0, 300), slice(300, 600)))
        same(torch.stack([left.mean(), right.mean()]), torch.zeros(2), 1e-5)
        same(torch.stack([left.std(), right.std()]), torch.ones(2), 1e-5)
    tau, trust = calibration.calibrate(h, linked, 0)
    again, too = calibration.calibrate(h, linked, 0, z)
    same(tau, again)
    same(trust["b"], too["b"])


@pytest.mark.parametrize("share", (0.2, 0.5, 0.7))
def test_two_kinds_are_told_apart(share):
    g = torch.Generator().manual_seed(0)
    low = torch.rand(4000, generator=g) < share
    x = torch.where(low, torch.randn(4000, generator=g) * 0.3, 2 + 0.6 * torch.randn(4000, generator=g))
    p, apart = calibration.lower_kind(x)
    assert abs(float(p.mean()) - share) < 0.02 and ((p > 0.5) == low).float().mean() > 0.98
    # the plain formulas, once more around: nothing moves any more
    mean = torch.stack([(q * x).sum() / q.sum() for q in (p, 1 - p)])
    same(mean, torch.tensor([0.0, 2.0]), 0.1)
    assert float(apart) == pytest.approx(2**0.5 * 2 / (0.3**2 + 0.6**2) ** 0.5, rel=0.1)
    assert calibration.lower_kind(torch.tensor([-9.0, *x.tolist()]))[0][0] == 1, (
        "what is far below is of the lower kind"
    )


def test_what_is_of_one_kind_is_not_taken_apart():
    x = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    assert calibration.lower_kind(x)[1] < calibration.MIN_SEPARATION
    assert not calibration.would_freeze(x, torch.sigmoid(5 * x)).any()


def test_frozen_is_what_is_of_the_lower_kind_and_worthless():
    g = torch.Generator().manual_seed(0)
    low = torch.arange(1000) < 300
    z = torch.where(low, torch.randn(1000, generator=g) * 0.3 - 2, torch.randn(1000, generator=g) * 0.6)
    useless, useful = (torch.where(low, w, 0.9) for w in (0.3, 0.7))
    assert (calibration.would_freeze(z, useless) == low).float().mean() > 0.98
    assert not calibration.would_freeze(z, useful).any(), "a kind of its own, but trusted"


def test_a_training_ends_calibrated():
    run = fit(random_pair(seed=3), tiny(fusion="evidence", scoring="off", freezing="off"), progress=False)
    temperatures = run.model.comparison.temperatures
    assert "comparison.temperatures" in run.model.state_dict() and len(temperatures) == len(run.model.modalities)
    assert not torch.equal(temperatures, torch.full_like(temperatures, run.config.temperature))
    figures = run.evaluate()
    assert figures["MRR"].between(0, 1).all()


def test_confidence_is_a_softmax():
    left, right = joints()
    s = evidence.Evidence(left[2], right[2], TAU, 2, 1)  # CSLS does not count
    whole = evidence.Evidence(left[2], right[2], TAU).dense
    rows, columns = torch.arange(20), torch.arange(20, 0, -1)
    forth, back = whole.softmax(dim=1)[rows, columns], whole.softmax(dim=0)[rows, columns]
    same(s.confidence(rows, columns), torch.minimum(forth, back), 1e-4)
    same(s.pairs(rows, columns), matching.csls(whole, 2)[rows, columns], 1e-4)


class Model:
    """Gives the embeddings that it was made with."""

    def __init__(self, h, trust, tau):
        self.h, self.trust, self.temperatures = h, trust, tau

    def calibrate(self):
        pass

    def embed(self):
        return {"joint": fuse(self.h, self.trust)}

    def pair_scores(self, left, right, config):
        return evidence.Evidence(left, right, self.temperatures, config.csls_k, config.csls_rounds)


def test_only_what_is_probable_joins_the_seeds(linked):
    h = noise(linked, 0.0)
    tau, trust = calibration.calibrate(h, linked, 0)
    probation = ConfidentPairs(linked, tiny(fusion="evidence"))
    row = probation.collect(Model(h, trust, tau))
    assert row["valid precision"] >= 0.9 and 50 < row["added"] <= len(linked.test)
    assert row["added correct"] >= 0.9 * row["added"]
    assert torch.equal(probation.train[: len(linked.train)], linked.train)
    added = probation.train[len(linked.train) :]
    assert not torch.isin(added, torch.cat([linked.train, linked.valid])).any()
    # another round takes the place of the last one
    probation.collect(Model(h, trust, tau))
    assert len(probation.train) == len(linked.train) + row["added"]


def test_nothing_joins_when_what_seems_sure_is_wrong(linked):
    h = noise(linked, 0.0)
    tau, trust = calibration.calibrate(h, linked, 0)
    # everybody looks like somebody else's counterpart
    left, right = linked.pairs.T
    moved = {m: x.clone() for m, x in h.items()}
    for m in h:
        moved[m][right] = h[m][right.roll(1)]
    probation = ConfidentPairs(linked, tiny(fusion="evidence"))
    row = probation.collect(Model(moved, trust, tau))
    assert row["valid precision"] < 0.1 and row["added"] == 0
    assert torch.equal(probation.train, linked.train)


def test_the_estimate_of_what_joins_by_hand():
    # 80 of 100 entities find a pair, 76 the right one; a tenth of those without counterpart would find one.
    assert lonely_share([(0.8, 0.76, 0.1, 0.8)]) == 0 and estimate(0.8, 0.76, 0.1, 0) == pytest.approx(0.95)
    # (0.8 - 0.45) / (0.8 - 0.1) = 1/2 of the others lack one: 0.5 x 0.76 of 0.45 are right.
    assert lonely_share([(0.8, 0.76, 0.1, 0.45)]) == pytest.approx(0.5)
    assert estimate(0.8, 0.76, 0.1, 0.5) == pytest.approx(0.38 / 0.45)
    assert lonely_share([(0.8, 0.76, 0.1, 0.05)]) == 1 and estimate(0.8, 0.76, 0.1, 1) == 0  # all lack one
    assert lonely_share([(0.8, 0.76, 0.1, 0.99)]) == 0
    assert lonely_share([(0.1, 0.1, 0.2, 0.1)]) == 1 and estimate(0, 0, 0, 0) == 0
    # The confidence that tells the two kinds apart best decides.
    assert lonely_share([(0.9, 0.9, 0.8, 0.9), (0.8, 0.76, 0.1, 0.45), (0.1, 0.1, 0, 0)]) == pytest.approx(0.5)


def look_alikes(seed, n=900):
    """Half of the left entities have a look-alike; a third of the unknown ones lack their counterpart, and find that instead."""
    pairs = torch.stack([torch.arange(n), torch.arange(n, 2 * n)], dim=1)
    graphs = pair_of_graphs(n, 2 * n, [(0, 0, 1)], {}, {"a": torch.ones(3 * n, dtype=torch.bool)}, pairs.tolist())
    graphs = graphs.split(0, 0.5, 0.5)
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 16, generator=g)
    own, alike = (x + size * torch.randn(n, 16, generator=g) for size in (0.1, 0.5))
    own[graphs.test[: n // 6, 0]] = torch.randn(n // 6, 16, generator=g)
    alike[::2] = torch.randn(n // 2, 16, generator=g)
    h = {"a": torch.cat([x, own, alike])}
    return graphs, Model(h, {"a": torch.full((3 * n,), 0.9999)}, torch.tensor([0.03]))


def test_false_matches_of_entities_without_counterpart_count(monkeypatch):
    """What validation pairs show alone is far too high. The estimate is right on average; that from one draw can be off by .2."""
    rows = []
    for least in (0, 0.9):
        monkeypatch.setattr(self_training, "MIN_PRECISION", least)
        rows.append([])
        for seed in range(6):
            graphs, model = look_alikes(seed)
            rows[-1].append(CautiousPairs(graphs, tiny(fusion="evidence")).collect(model))
    truth = [row["added correct"] / row["judged"] for row in rows[0]]
    assert max(truth) < 0.85 and min(row["valid precision"] for row in rows[0]) > 0.95
    assert sum(row["estimate"] for row in rows[0]) / 6 == pytest.approx(sum(truth) / 6, abs=0.1)
    for every, row in zip(*rows, strict=True):
        if every["estimate"] < 0.9:  # those that are more probable join, or none
            assert row["added"] < every["added"] and (row["added"] == 0 or row["estimate"] >= 0.9)
    assert any(0 < row["added"] < every["added"] for every, row in zip(*rows, strict=True))


def test_an_index_of_dot_products_is_no_way_to_evidence():
    left, right = joints()
    with pytest.raises(DataError, match="compared in another way: .* fusion to anything but evidence"):
        block_matching.match(evidence.Evidence(left[2], right[2], TAU), "approximate")
