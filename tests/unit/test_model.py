"""The model: what its parts are given, and that frozen features get no gradient through any path."""

import shutil

import pytest
import torch
from toys import random_pair, same, tiny, toy

from pmf_minimal import losses, relevance
from pmf_minimal.beyond.released import score_linked
from pmf_minimal.config import PRESETS
from pmf_minimal.model import PMF

GENERATOR = torch.Generator().manual_seed(0)


def split_pair():
    return random_pair().split(0)


def freeze_some(pmf, graphs, seed=1):
    """Random relevance: half of the features that are there count, the others are frozen."""
    g = torch.Generator().manual_seed(seed)
    for m in pmf.modalities:
        w = torch.rand(graphs.num_nodes, generator=g)
        w = torch.where(w < 0.5, 0.0, w) * graphs.mask(m)
        pmf.relevance[m].copy_(w)
        pmf.active[m].copy_(w > 0)


def encoder_gradients(pmf, graphs, pairs, entities, names=None):
    """Gradient at the encoders' outputs, and the rows they belong to; of all losses or of those named."""
    kept, encode = {}, pmf.encode

    def keep(rows=None):
        h = encode(rows)
        for x in h.values():
            x.retain_grad()
        kept["h"], kept["rows"] = h, rows
        return h

    pmf.encode = keep
    parts = pmf.losses(pairs, entities)
    pmf.total_loss({n: x for n, x in parts.items() if names is None or n in names}).backward()
    rows = kept["rows"] if kept["rows"] is not None else torch.arange(graphs.num_nodes)
    return {m: x.grad if x.grad is not None else torch.zeros_like(x) for m, x in kept["h"].items()}, rows


def batch(graphs):
    return graphs.train, (torch.arange(graphs.n_left), torch.arange(graphs.n_left, graphs.num_nodes))


@pytest.mark.parametrize("graphs", [toy(), split_pair()], ids=["toy", "random"])
def test_frozen_features_get_no_gradient(graphs):
    """Exactly zero at the encoder's output, whichever loss asks: as anchor, negative, partner, or part of the joint vector."""
    pmf = PMF(graphs, tiny())
    freeze_some(pmf, graphs)
    parts = pmf.losses(*batch(graphs))
    for names in [None, *([name] for name in parts)]:
        pmf = PMF(graphs, tiny())
        freeze_some(pmf, graphs)
        gradients, rows = encoder_gradients(pmf, graphs, *batch(graphs), names)
        for m, grad in gradients.items():
            assert not grad[~pmf.active[m][rows]].any(), (names, m)
            if names is None:  # and the others do learn, but for who has neither partner nor second modality
                assert grad[pmf.active[m][rows]].any(dim=1).float().mean() > 0.8, m


def test_frozen_features_would_get_gradient_otherwise():
    """The test above looks at something: without freezing the same rows do learn."""
    graphs = split_pair()
    pmf = PMF(graphs, tiny(freezing="off"))
    freeze_some(pmf, graphs)
    gradients, rows = encoder_gradients(pmf, graphs, *batch(graphs))
    for m, grad in gradients.items():
        frozen = graphs.mask(m)[rows] & ~pmf.active[m][rows]
        assert grad[frozen].any(dim=1).all(), m


def test_frozen_features_keep_their_place():
    """A frozen feature goes on as a negative and as a partner: it counts in the losses of the others."""
    graphs = split_pair()
    pmf = PMF(graphs, tiny())
    before = pmf.losses(*batch(graphs))
    for m in pmf.modalities:
        pmf.active[m][::2] = False  # relevance untouched
    for name, loss in pmf.losses(*batch(graphs)).items():
        same(loss, before[name].detach(), 1e-6)


def test_values_of_the_losses():
    """Each modality over the pairs whose both sides have it, the joint embedding over all; rows in any order."""
    graphs = split_pair()
    pmf = PMF(graphs, tiny())
    freeze_some(pmf, graphs)
    pairs = graphs.train[torch.randperm(len(graphs.train), generator=GENERATOR)]
    found = pmf.losses(pairs, None)
    h = pmf.encode()
    for m, x in (h | {"joint": pmf.joint(h)}).items():
        here = torch.ones(graphs.num_nodes, dtype=torch.bool) if m == "joint" else graphs.mask(m)
        both = pairs[here[pairs].all(dim=1)]
        same(found[m,], losses.alignment_loss(x[both[:, 0]], x[both[:, 1]], 0.05).mean().detach(), 1e-4)


def test_missing_features_take_no_part():
    """What stands in the row of a missing feature changes no loss, no score, no joint vector."""
    graphs, other = split_pair(), split_pair()
    other.features["image"][~other.masks["image"]] = 100.0
    results = []
    for g in (graphs, other):
        pmf = PMF(g, tiny())
        pmf.score(dict.fromkeys(pmf.modalities, 0.3), GENERATOR)
        results.append([*pmf.losses(*batch(g)).values(), pmf.relevance["image"], pmf.embed()["joint"]])
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_before_the_first_scoring():
    graphs = toy()
    pmf = PMF(graphs, tiny())
    for m in pmf.modalities:
        assert torch.equal(pmf.relevance[m], graphs.mask(m).float()) and torch.equal(pmf.active[m], graphs.mask(m))


def test_score():
    """Every modality by its own threshold; the scores stay until the next scoring and carry no gradient."""
    graphs = split_pair()
    pmf = PMF(graphs, tiny())
    thresholds = dict(zip(pmf.modalities, (0.1, 0.3, 0.5, 0.7), strict=True))
    pmf.score(thresholds, GENERATOR)
    for m, h in pmf.encode().items():
        w = relevance.score(h.detach(), graphs.mask(m), graphs.n_left, thresholds[m])
        assert torch.equal(pmf.relevance[m], w) and torch.equal(pmf.active[m], w > 0)
        assert not pmf.relevance[m].requires_grad


def test_scoring_on_known_truth_and_at_random():
    graphs = split_pair()
    thresholds = dict.fromkeys(("structure", "relation", "attribute", "image"), 0.5)
    oracle = PMF(graphs, tiny(scorer="oracle"))
    oracle.score(thresholds, GENERATOR)
    assert torch.equal(oracle.relevance["image"], (graphs.relevant["image"] & graphs.masks["image"]).float())
    honest, random = PMF(graphs, tiny()), PMF(graphs, tiny(scorer="shuffled"))
    for pmf in (honest, random):
        pmf.score(thresholds, torch.Generator().manual_seed(0))
    for m in honest.modalities:
        assert honest.relevance[m].sort().values.tolist() == random.relevance[m].sort().values.tolist()
    assert not torch.equal(honest.relevance["image"], random.relevance["image"])


@pytest.mark.parametrize("thaw", [True, False])
def test_thaw(thaw):
    graphs = split_pair()
    pmf = PMF(graphs, tiny(thaw=thaw))
    thresholds = dict.fromkeys(pmf.modalities, 0.1)
    pmf.score(thresholds, GENERATOR)
    free = pmf.active["image"].clone()
    pmf.score(dict.fromkeys(pmf.modalities, 2.0), GENERATOR)  # nobody passes
    assert not pmf.active["image"].any()
    pmf.score(thresholds, GENERATOR)
    assert torch.equal(pmf.active["image"], free if thaw else torch.zeros_like(free))


def test_scoring_among_linked_entities():
    """Row 4: `released` compares seeds with their partners and test entities with each other."""
    graphs = split_pair()
    pmf = PMF(graphs, tiny(candidates_in_scoring="test"))
    pmf.score(dict.fromkeys(pmf.modalities, 0.3), GENERATOR)
    unknown = torch.cat([graphs.valid, graphs.test])
    h = pmf.encode()["relation"].detach() * graphs.mask("relation")[:, None]
    expected = score_linked(h, graphs.train, unknown, 0.3) * graphs.mask("relation")
    same(pmf.relevance["relation"], expected, 1e-6)


def test_learned_weights():
    """Row 12: exp(-s) L + s around every loss, least at s = log L."""
    graphs = toy()
    pmf = PMF(graphs, tiny(loss_weights="learned"))
    parts = {("structure",): 3.0, ("joint",): 1.0, ("cross", "structure", "image"): 2.0}
    weighting = pmf.weighting
    with torch.no_grad():
        weighting.log_variance[weighting.names["structure",]].fill_(1.0)
    total = pmf.total_loss({name: torch.tensor(x) for name, x in parts.items()})
    same(total, 3 * torch.tensor(-1.0).exp() + 1 + 1 + 2, 1e-6)
    assert set(parts) < set(weighting.names) and len(list(weighting.parameters())) == len(weighting.names)
    assert all(p.requires_grad for p in weighting.parameters())
    assert not list(PMF(graphs, tiny()).weighting.parameters())


def test_embed():
    graphs = split_pair()
    pmf = PMF(graphs, tiny())
    freeze_some(pmf, graphs)
    h = pmf.embed()
    assert list(h) == [*pmf.modalities, "joint"]
    assert not h["image"][~graphs.masks["image"]].any() and h["image"][graphs.masks["image"]].any(dim=1).all()
    for i, m in enumerate(pmf.modalities):
        same(h["joint"][:, 8 * i : 8 * i + 8].norm(dim=1), pmf.relevance[m], 1e-5)


def test_modalities():
    graphs = split_pair()
    pmf = PMF(graphs, tiny(modalities=("image", "relation", "name")))  # name is not in the data
    assert pmf.modalities == ("image", "relation")
    assert set(pmf.losses(*batch(graphs))) == {
        ("image",),
        ("relation",),
        ("joint",),
        ("cross", "image", "relation"),
    }


def test_bag_of_relations_is_binary_unless_asked():
    graphs = toy()
    for counts in (False, True):
        pmf = PMF(graphs, tiny(relation_counts=counts))
        before = pmf.encode()["relation"].detach()
        doubled = toy()
        doubled.features["relation"] *= 2
        again = PMF(doubled, tiny(relation_counts=counts)).encode()["relation"]
        assert torch.equal(again, before) != counts


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_one_pair_alone(preset):
    """A last batch of one pair has no negatives: finite losses and gradients all the same."""
    graphs = toy()
    pmf = PMF(graphs, PRESETS[preset].replace(dim=8))
    parts = pmf.losses(graphs.train[:1], None)
    pmf.total_loss(parts).backward()
    assert all(p.grad.isfinite().all() for p in pmf.parameters() if p.grad is not None)


def test_bfloat16_is_close():
    """The large products in bfloat16: losses and the direction of the gradient stay."""
    graphs = random_pair().split(0)
    results = []
    for precision in ("float32", "bfloat16"):
        model = PMF(graphs, tiny(dtype=precision, fusion="keep"))
        loss = model.total_loss(model.losses(graphs.train, (torch.arange(30), torch.arange(30, 63))))
        loss.backward()
        gradient = torch.cat([p.grad.ravel() for p in model.parameters() if p.grad is not None])
        assert loss.dtype == gradient.dtype == torch.float32
        results.append((float(loss.detach()), gradient))
    (exact, g), (rough, r) = results
    assert abs(rough / exact - 1) < 0.01
    assert torch.cosine_similarity(g, r, dim=0) > 0.99
    assert rough != exact  # else nothing was rounded


@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch needs a C++ compiler to compile for the CPU")
def test_compiled_loss_is_the_same():
    plain, compiled = (PMF(split_pair(), tiny(compile=flag)).cross_graph.pair_loss for flag in (False, True))
    assert plain is losses.alignment_loss is not compiled
    values = []
    for loss in (plain, compiled):
        left, right = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(0)).unbind()
        left.requires_grad_()
        value = loss(left, right, 0.05, "joint")
        value.sum().backward()
        values.append(torch.cat([value.detach(), left.grad.ravel()]))
    torch.testing.assert_close(*values, rtol=1e-4, atol=1e-4)


def test_plain_concatenation_ignores_the_scores():
    """With fusion "none" a frozen feature stays in the joint embedding; with "keep" it drops out; a missing one never is in it."""
    graphs = split_pair()
    for fusion in ("none", "keep"):
        pmf = PMF(graphs, tiny(fusion=fusion))
        freeze_some(pmf, graphs)
        frozen = graphs.mask("image") & ~pmf.active["image"]
        joint = pmf.joint(pmf.encode()).reshape(graphs.num_nodes, len(pmf.modalities), -1)
        length = joint[:, pmf.modalities.index("image")].norm(dim=1)
        assert frozen.any() and (length[~graphs.mask("image")] == 0).all()
        same(length[frozen], torch.full_like(length[frozen], float(fusion == "none")), 1e-5)
