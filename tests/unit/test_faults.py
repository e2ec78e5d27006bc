"""Faults with known truth: who gets them, what they are, and that the record of them is right."""

import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity
from toys import random_pair, tiny, toy

from pmf_minimal.datasets import load
from pmf_minimal.datasets.emoji import logos, pictures
from pmf_minimal.datasets.faults import FOREIGN, MISSING, NOISY, SWAPPED, WHOLE, corrupt
from pmf_minimal.errors import DataError
from pmf_minimal.relevance import best_match
from pmf_minimal.runs.run import fit

ALL = dict(missing=0.1, foreign=0.2, swapped=0.3, noisy=0.15)


@pytest.fixture(scope="module")
def emoji():
    return load("emoji/ja_en")  # 57 pictures are missing as it is


def sides(graphs, mask):
    return mask[: graphs.n_left], mask[graphs.n_left :]


def cosine(a, b):
    return cosine_similarity(a, b, dim=1)


@pytest.mark.parametrize("modality", ("image", "relation", "attribute"))
def test_shares_are_those_asked_for_on_each_side(emoji, modality):
    spoilt = corrupt(emoji, modality, **ALL)
    for had, fault in zip(emoji.side(modality), sides(emoji, spoilt.faults[modality]), strict=True):
        n = int(had.sum())
        assert (fault[~had] == WHOLE).all(), "who has no feature has nothing to corrupt"
        for kind, name in ((MISSING, "missing"), (FOREIGN, "foreign"), (SWAPPED, "swapped"), (NOISY, "noisy")):
            assert (fault == kind).sum() == round(ALL[name] * n)
    fault, had = spoilt.faults[modality], emoji.masks[modality]
    assert spoilt.masks[modality].equal(had & (fault != MISSING))
    assert spoilt.relevant[modality].equal(had & ((fault == WHOLE) | (fault == NOISY)))
    changed = (spoilt.features[modality] != emoji.features[modality]).any(dim=1)
    assert not changed[fault == WHOLE].any()
    assert changed[(fault == MISSING) | (fault == FOREIGN) | (fault == NOISY)].all()
    assert (spoilt.features[modality][fault == MISSING] == 0).all()
    assert ((spoilt.features[modality] != 0).any(dim=1) == spoilt.masks[modality]).all()
    assert spoilt.faults[modality].dtype == torch.int8
    for m in set(emoji.modalities) - {modality}:
        assert spoilt.relevant[m].equal(emoji.mask(m))


def test_the_input_stays_as_it_was_and_the_seed_decides(emoji):
    before = copy.deepcopy(emoji)
    first, again, other = (corrupt(emoji, "image", **ALL, seed=seed) for seed in (3, 3, 4))
    assert emoji.keys() == before.keys()
    for group in ("features", "masks"):
        assert all(x.equal(before[group][m]) for m, x in emoji[group].items())
    for group in ("features", "masks", "relevant", "faults", "donor"):
        assert all(x.equal(again[group][m]) for m, x in first[group].items())
    assert not first.faults["image"].equal(other.faults["image"])
    assert first.features["relation"] is emoji.features["relation"]
    assert type(first) is type(emoji) and first.name == emoji.name and first.pairs.equal(emoji.pairs)


def test_more_of_one_fault_hits_the_same_entities_and_others(emoji):
    few, many = (corrupt(emoji, "image", foreign=share).faults["image"] for share in (0.1, 0.3))
    assert (many[few == FOREIGN] == FOREIGN).all()


def test_a_second_modality_is_spoilt_on_its_own(emoji):
    once = corrupt(emoji, "relation", foreign=0.5)
    twice = corrupt(once, "attribute", foreign=0.5)
    assert set(twice.faults) == {"relation", "attribute"}
    for group in ("features", "relevant", "faults", "donor"):
        assert twice[group]["relation"] is once[group]["relation"]
    assert set(once.faults) == {"relation"}
    # Independent of each other: a quarter of the entities has both faults.
    both = (twice.faults["relation"] == FOREIGN) & (twice.faults["attribute"] == FOREIGN)
    assert float(both.sum() / emoji.masks["attribute"].sum()) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(ValueError, match="relation of emoji/ja_en is already spoilt"):
        corrupt(twice, "relation", missing=0.1)


@given(st.integers(0, 100), st.integers(3, 12))
@settings(deadline=None, max_examples=30)
def test_the_swapped_have_each_others_features_and_nobody_his_own(seed, n):
    graphs = random_pair(n, seed)
    share = 2 / min(map(int, (side.sum() for side in graphs.side("relation"))))
    spoilt = corrupt(graphs, "relation", swapped=min(share, 1), seed=seed)
    rows = torch.nonzero(spoilt.faults["relation"] == SWAPPED).ravel()
    donor = spoilt.donor["relation"]
    assert (donor[rows] != rows).all()
    assert donor[rows].sort().values.equal(rows), "each is the donor of exactly one"
    assert ((donor[rows] < graphs.n_left) == (rows < graphs.n_left)).all()
    assert (spoilt.donor["relation"] == -1).sum() == graphs.num_nodes - len(rows)
    assert spoilt.features["relation"][rows].equal(graphs.features["relation"][donor[rows]])


def test_vectors_foreign_and_noisy(emoji):
    spoilt = corrupt(emoji, "image", foreign=0.4, noisy=0.4)
    own, x, fault = emoji.features["image"], spoilt.features["image"], spoilt.faults["image"]
    torch.testing.assert_close(x.norm(dim=1), own.norm(dim=1))
    foreign = cosine(x[fault == FOREIGN], own[fault == FOREIGN])
    assert abs(float(foreign.mean())) < 0.02 and float(foreign.std()) == pytest.approx(64**-0.5, rel=0.1)
    noisy = cosine(x[fault == NOISY], own[fault == NOISY])
    assert float(noisy.mean()) == pytest.approx(0.5**0.5, abs=0.02) and noisy.min() > 0.5


@pytest.mark.parametrize("modality", ("relation", "attribute"))
def test_bags_foreign_and_noisy(emoji, modality):
    spoilt = corrupt(emoji, modality, foreign=0.4, noisy=0.4)
    own, x, fault = emoji.features[modality], spoilt.features[modality], spoilt.faults[modality]
    assert x.sort(dim=1).values.equal(own.sort(dim=1).values), "the same numbers, at other words"
    for side in (slice(0, emoji.n_left), slice(emoji.n_left, None)):
        words = (own[side] != 0).any(dim=0)
        assert not x[side][:, ~words].any(), "only words of this graph"
        has = (own[side] != 0).sum(dim=1)
        kept = ((own[side] != 0) & (x[side] != 0)).sum(dim=1)
        roomy = 2 * has <= words.sum()
        assert roomy.float().mean() > 0.9
        assert (kept[(fault[side] == FOREIGN) & roomy] == 0).all()
        assert (kept[(fault[side] == NOISY) & roomy] == has[(fault[side] == NOISY) & roomy] // 2).all()


def test_a_bag_that_holds_half_the_vocabulary_or_more():
    graphs = toy()
    spoilt = corrupt(graphs, "relation", foreign=1.0)
    # Two words on each side: whoever has one word gets the other, whoever has both keeps both in some order.
    assert spoilt.features["relation"].sort(dim=1).values.equal(graphs.features["relation"].sort(dim=1).values)


def test_hard_foreign_features_are_real_ones_that_the_other_graph_does_not_have(emoji):
    easy, spoilt = (corrupt(emoji, "image", foreign=0.3, hard=hard) for hard in (False, True))
    assert easy.faults["image"].equal(spoilt.faults["image"]), "the same entities, so that both can be compared"
    rows, donor = torch.nonzero(spoilt.faults["image"] == FOREIGN).ravel(), spoilt.donor["image"]
    torch.testing.assert_close(spoilt.features["image"][rows], emoji.outside["image"][donor[rows]])
    assert len(donor[rows].unique()) == len(rows), "nobody has another's logo"
    assert ((donor[rows] < len(emoji.outside["image"]) / 2) == (rows < emoji.n_left)).all()

    def alpha(graphs):
        x = graphs.features["image"]
        return torch.cat(best_match(x[: graphs.n_left], x[graphs.n_left :]))

    def auc(graphs):
        own, foreign = alpha(graphs)[graphs.relevant["image"]], alpha(graphs)[rows]
        return float((own[:, None] > foreign).float().mean())

    assert auc(easy) > 0.95 and 0.4 < auc(spoilt) < 0.7


def test_when_the_logos_run_out_they_are_taken_again_on_the_same_side(emoji):
    donor = corrupt(emoji, "image", foreign=1.0, hard=True).donor["image"]
    left, right = (set(side[side >= 0].tolist()) for side in sides(emoji, donor))
    assert not left & right and len(left | right) == len(emoji.outside["image"])


def test_hard_needs_features_from_outside(emoji):
    with pytest.raises(ValueError, match=r"hard=True: .* real features of \d+ numbers for relation .* has none"):
        corrupt(emoji, "relation", foreign=0.1, hard=True)
    narrow = copy.copy(emoji)
    narrow.features = emoji.features | {"image": emoji.features["image"][:, :10]}
    with pytest.raises(ValueError, match=r"of 10 numbers for image .* has \[\d+, 64\]"):
        corrupt(narrow, "image", foreign=0.1, hard=True)


def test_the_face_of_a_spoilt_entity_is_what_it_was_given(emoji):
    spoilt = corrupt(emoji, "image", missing=0.2, foreign=0.2, swapped=0.2, noisy=0.2, hard=True)
    easy = corrupt(emoji, "image", foreign=0.2)
    before, after, noise, outside = pictures(emoji), pictures(spoilt), pictures(easy), logos()
    seen = set()
    for row in torch.nonzero(emoji.masks["image"]).ravel().tolist()[::7]:
        uri, fault, donor = emoji.uris[row], int(spoilt.faults["image"][row]), int(spoilt.donor["image"][row])
        expected = outside[donor] if fault == FOREIGN else before[emoji.uris[donor] if fault == SWAPPED else uri]
        expected = None if fault == MISSING else expected
        assert after[uri] == after.get(uri) == expected
        assert (noise[uri] == before[uri]) == (easy.faults["image"][row] == WHOLE)
        seen.add(fault)
    assert seen == {WHOLE, MISSING, FOREIGN, SWAPPED, NOISY}
    assert after["en/keyword/fun"] is None
    with pytest.raises(IndexError, match=f"no logo {len(outside)}"):
        outside[len(outside)]
    assert len(outside) == len(outside.names) == len(outside.features) == len(set(outside.names))


@pytest.mark.parametrize("fault", ("missing", "foreign", "hard", "swapped", "noisy"))
def test_spoilt_emoji_by_name(fault, emoji):
    graphs = load(f"emoji/ja_en+{fault}")
    assert graphs.name == f"emoji/ja_en+{fault}"
    arguments = {"foreign": 0.3, "hard": True} if fault == "hard" else {fault: 0.3}
    assert graphs.features["image"].equal(corrupt(emoji, "image", **arguments).features["image"])
    assert len(pictures(graphs)) == len(pictures("emoji/ja_en"))


@pytest.mark.parametrize(
    "name, words",
    [
        ("emoji/ja_en+", "no such data set"),
        ("emoji/ja_en+clean", "no such data set"),
        ("synthetic/foreign+", "no such data set"),
        ("synthetic/odd", "faults are missing"),
        ("synthetic/foreign30+hard30", "each once"),
        ("synthetic/missing60+foreign60", "more than 100"),
        ("synthetic/missing-30", "no such data set"),
    ],
)
def test_unknown_faults_are_refused(name, words):
    with pytest.raises(DataError, match=f"{re.escape(name)}.*{words}"):
        load(name)


def test_shares_can_be_named():
    graphs = load("synthetic/missing60+hard10+swapped20")
    counts = torch.bincount(graphs.faults["image"], minlength=5) / graphs.num_nodes
    assert counts.tolist() == pytest.approx([0.1, 0.6, 0.1, 0.2, 0.0], abs=1e-3)
    assert (graphs.donor["image"][graphs.faults["image"] == FOREIGN] >= 0).all(), "hard ones come from outside"


def test_the_oracle_freezes_what_is_not_relevant(emoji):
    spoilt = corrupt(emoji, "image", **ALL).split(0)
    run = fit(spoilt, tiny(scorer="oracle", batch_size=500, epochs=2), device="cpu", progress=False)
    for m in spoilt.modalities:
        assert run.model.active[m].equal(spoilt.relevant[m]), m
        assert run.model.relevance[m].equal(spoilt.relevant[m].float())


@pytest.mark.parametrize(
    ("modality", "shares", "words"),
    [
        ("smell", dict(missing=0.1), "no features 'smell' to corrupt; toy/a_b has relation, image"),
        ("structure", dict(missing=0.1), "no features 'structure'"),
        ("image", dict(missing=0.6, foreign=0.5), "missing=0.6, foreign=0.5.* at most 1"),
        ("image", dict(missing=-0.1), "missing=-0.1.* at least 0"),
        ("image", dict(missing=float("nan")), "missing=nan"),
        ("image", dict(swapped=0.2), "swapped=0.2 is one entity of 5"),
    ],
)
def test_nonsense_is_refused(modality, shares, words):
    with pytest.raises(ValueError, match=words):
        corrupt(toy(), modality, **shares)
