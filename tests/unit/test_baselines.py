"""The systems that PMF is compared with: the parts that make each of them what it is, and one interface for all."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch.nn.functional import normalize
from toys import random_pair, same, tiny

import pmf_minimal
from pmf_minimal.baselines import eva, mclea, meaformer, mmea, msnea, transe, umaea
from pmf_minimal.baselines.registry import SYSTEMS, build, find, published
from pmf_minimal.baselines.system import System
from pmf_minimal.config import PRESETS, PMFConfig
from pmf_minimal.datasets.synthetic import generate
from pmf_minimal.runs import checkpoints
from pmf_minimal.runs.run import fit
from pmf_minimal.training import Training

NAMES = ("pmf", "eva", "mclea", "meaformer", "umaea", "msnea", "mmea")
G = torch.Generator


def vectors(n, d=8, seed=0):
    return torch.randn(n, d, generator=G().manual_seed(seed))


def world(**spoilt):
    return generate(60, spoilt={"image": spoilt} if spoilt else None, seed=0).split(0)


# --- EVA -------------------------------------------------------------------------------------------------------------


def test_nca_loss_by_loops():
    left, right = vectors(5), vectors(5, seed=1)
    s = (normalize(left) @ normalize(right).T).numpy()
    total = 0
    for i in range(5):
        others = [j for j in range(5) if j != i]
        total += math.log(1 + sum(math.exp(15 * s[i, j]) for j in others)) / 15
        total += math.log(1 + sum(math.exp(15 * s[j, i]) for j in others)) / 15
        total -= math.log(1 + 10 * max(0, s[i, i]))
    same(eva.nca_loss(left, right, alpha=15.0), torch.tensor(total / 5), 1e-5)


def test_eva_joint_loss_trains_weights_only_and_weights_are_global():
    graphs = world()
    model = build(graphs, tiny(model="eva"))
    model.losses(graphs.train)["joint",].backward()
    assert model.raw_weight.grad.abs().sum() > 0
    assert all(p.grad is None for encoder in model.encoders.values() for p in encoder.parameters())
    weights = model.weights(model.encode())
    shares = [w[graphs.mask(m)].unique() for m, w in weights.items()]
    assert all(len(share) == 1 for share in shares) and torch.cat(shares).sum().item() == pytest.approx(1)
    assert not build(graphs, tiny(model="eva", ablate=True)).raw_weight.requires_grad


def test_eva_structure_is_a_graph_convolution():
    edges = torch.tensor([[0, 1], [1, 2]])
    gcn = eva.GCN(edges, 4, 2, G().manual_seed(0))
    # D^-1/2 (A + I) D^-1/2 with the degrees 2, 3, 2, 1
    a = torch.tensor([[1.0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
    a = a / a.sum(dim=1).sqrt()[:, None] / a.sum(dim=1).sqrt()[None]
    first, second = (layer.lin.weight for layer in gcn.layers)
    same(gcn(), a @ ((a @ gcn.entities @ first.T).relu() @ second.T), 1e-6)


# --- MCLEA -----------------------------------------------------------------------------------------------------------


def test_distillation_is_the_divergence_from_the_teacher():
    pupil, teacher = (vectors(4), vectors(4, seed=1)), (vectors(4, seed=2), vectors(4, seed=3))

    def distribution(a, b, i):
        a, b = normalize(a), normalize(b)
        others = [float(a[i] @ b[j]) / 4 for j in range(4)] + [float(a[i] @ a[j]) / 4 for j in range(4) if j != i]
        return np.exp(others) / np.exp(others).sum()

    total = 0
    for (a, b), (c, d) in ((pupil, teacher), (pupil[::-1], teacher[::-1])):
        total += np.mean([entropy(distribution(c, d, i), distribution(a, b, i)) for i in range(4)]) / 2
    assert mclea.distillation_loss(pupil, teacher, 4.0).item() == pytest.approx(total, abs=1e-6)
    assert abs(mclea.distillation_loss(teacher, teacher, 4.0).item()) < 1e-6


def test_distillation_teaches_the_pupil_only():
    pupil = [vectors(4).requires_grad_(), vectors(4, seed=1).requires_grad_()]
    teacher = [vectors(4, seed=2).requires_grad_(), vectors(4, seed=3).requires_grad_()]
    mclea.distillation_loss(tuple(pupil), tuple(teacher), 4.0).backward()
    assert all(x.grad.abs().sum() > 0 for x in pupil) and all(x.grad is None for x in teacher)


def test_mclea_without_its_idea_has_no_distillation():
    graphs = world()
    assert ("joint to", "image") in build(graphs, tiny(model="mclea")).losses(graphs.train)
    off = build(graphs, tiny(model="mclea", ablate=True))
    assert not any(name[0] == "joint to" for name in off.losses(graphs.train))


# --- MEAformer -------------------------------------------------------------------------------------------------------


def test_attention_weights_by_hand():
    layer = meaformer.ModalityAttention(4, G().manual_seed(0))
    tokens = vectors(2 * 3, 4).reshape(2, 3, 4)
    has = torch.tensor([[True, True, True], [True, False, True]])
    _, weights = layer(tokens, has, 0.0, G())
    for n, members in enumerate(([0, 1, 2], [0, 2])):
        q, k = layer.query(tokens[n, members]), layer.key(tokens[n, members])
        attention = (q @ k.T / 2).softmax(dim=1)
        expected = (attention.sum(dim=0) / math.sqrt(3)).softmax(dim=0)
        same(weights[n, members], expected, 1e-6)
    assert weights[1, 1] == 0


def test_every_entity_has_weights_of_its_own():
    graphs = world(missing=0.3)
    model = build(graphs, tiny(model="meaformer"))
    weights = torch.stack(list(model.weights(model.encode()).values()))
    same(weights.sum(dim=0), torch.ones(graphs.num_nodes), 1e-6)
    assert (weights[list(model.modalities).index("image"), ~graphs.masks["image"]] == 0).all()
    assert weights.std(dim=1).min() > 0
    off = build(graphs, tiny(model="meaformer", ablate=True))
    assert len(off.weights(off.encode())["structure"].unique()) == 1


def test_dropout_follows_the_generator_and_prediction_has_none():
    graphs = world()
    model = build(graphs, tiny(model="meaformer"))

    def loss(seed):
        model.begin_epoch(1, G().manual_seed(seed))
        return model.losses(graphs.train)["structure", "after attention"].item()

    assert loss(1) == loss(1) != loss(2)
    same(model.embed()["joint"], model.embed()["joint"], 0)


# --- UMAEA -----------------------------------------------------------------------------------------------------------


def test_images_are_imagined_from_the_second_stage_on():
    graphs = world(missing=0.4)
    missing = ~graphs.masks["image"]
    model = build(graphs, tiny(model="umaea", epochs=40))
    stages = []
    for epoch in (1, 25, 26, 30, 31, 40):
        model.begin_epoch(epoch, G().manual_seed(0))
        stages.append(int(model.stage))
        joint, image = model.embed()["joint"], model.encode()["image"]
        part = joint.reshape(graphs.num_nodes, len(model.modalities), -1)[missing, -1]
        assert (part.abs().sum(dim=1) > 0).all() == (stages[-1] > 0)
        if stages[-1]:
            with torch.no_grad():
                imagined = model.imagination(model._others(model.encode()))
            same(image[missing], imagined[missing], 1e-5)
            same(image[~missing], model.encoders["image"](graphs.features["image"])[~missing], 0)
        learns = {("image imagined",), ("others rebuilt",), ("divergence",)} <= model.losses(graphs.train).keys()
        assert learns == (stages[-1] == 1)
    assert stages == [0, 0, 1, 1, 2, 2]
    off = build(graphs, tiny(model="umaea", epochs=40, ablate=True))
    off.begin_epoch(40, G())
    assert off.stage == 0


def test_imagination_learns_what_can_be_known():
    g = G().manual_seed(0)
    x = normalize(vectors(200, 12))
    image = x @ vectors(12, 6, seed=1)
    imagination = umaea.Imagination(12, 6, g)
    optimiser = torch.optim.Adam(imagination.parameters(), 0.02)

    def cosine():
        return torch.cosine_similarity(imagination(x), image).mean().item()

    before = cosine()
    for _ in range(150):
        parts, _ = imagination.losses(x, image, torch.arange(200) < 150, g)
        sum(parts.values()).backward()
        optimiser.step()
        optimiser.zero_grad()
    assert before < 0.5 and torch.cosine_similarity(imagination(x[150:]), image[150:]).mean() > 0.8


def test_umaea_weighs_a_pair_by_its_less_certain_side():
    left, right, w = vectors(4), vectors(4, seed=1), torch.tensor([1.0, 0.0, 2.0, 0.5])
    one = torch.stack([meaformer.contrast(left, right, torch.eye(4)[i]) for i in range(4)])
    same(meaformer.contrast(left, right, w), one @ w, 1e-5)


# --- MSNEA and MMEA --------------------------------------------------------------------------------------------------


def test_translation_loss_by_hand():
    h, r, t = torch.zeros(2, 2), torch.tensor([[1.0, 0], [0, 1.0]]), torch.tensor([[1.0, 0], [0, 0.5]])
    far = torch.tensor([[9.0, 9], [0, 1.0]])
    # the first triple is exact and its wrong one far; the second misses by 0.25 and its wrong one is exact: 1 + 0.25
    assert transe.translation_loss(r, h, t, h, far).item() == pytest.approx((0 + 1.25) / 2)


def test_corrupted_triples_keep_their_graph_and_one_end():
    edges = torch.tensor([[0, 1, 12, 13] * 50, [2, 3, 14, 15] * 50])
    wrong = transe.corrupt(edges, 10, 20, G().manual_seed(0))
    assert ((wrong < 10) == (edges < 10)).all() and wrong.min() >= 0 and wrong.max() < 20
    kept = wrong == edges
    assert kept.any(dim=0).all() and 0.3 < kept[0].float().mean() < 0.7 and wrong[:, :200].unique().numel() == 20


def test_an_epoch_of_translation_passes_over_the_triples():
    graphs = world()
    model = build(graphs, tiny(model="msnea"))
    model.triples = 3 * transe.BATCH - 1
    assert model.steps(1) == 3 and model.steps(5) == 5 and build(graphs, tiny(model="eva")).steps(4) == 4


def test_contrastive_loss_by_loops():
    left, right = vectors(4), vectors(4, seed=1)
    s = (normalize(left) @ normalize(right).T).numpy()
    total = sum((2 - s[i, j]) ** 2 if i == j else s[i, j] ** 2 for i in range(4) for j in range(4))
    assert msnea.contrastive_loss(left, right).item() == pytest.approx(total / 4, abs=1e-5)


def test_images_choose_among_attributes_and_values_count():
    encoder = msnea.AttributeEncoder(3, 4, G().manual_seed(0))
    held = torch.tensor([[1.0, 1, 0], [0, 0, 0]])
    alone = [encoder(torch.eye(3)[k : k + 1], None, None)[0] for k in range(2)]
    same(encoder(held, None, None)[0], (alone[0] + alone[1]) / 2, 1e-6)
    assert (encoder(held, None, None)[1] == 0).all()
    # an image far in the direction of one attribute leaves that one
    image = 1000 * (alone[0] - alone[1]).expand(2, 4)
    same(encoder(held, None, image)[0], alone[0], 1e-4)
    low, high = (encoder(held, held * v, None)[0] for v in (0.1, 0.9))
    assert (low - high).abs().max() > 1e-3


def test_radial_basis_by_hand_and_values_count():
    out = mmea.radial_basis(torch.tensor([0.5]), torch.tensor([[0.5, 0.3]]), torch.tensor([[0.2, 0.2]]))
    same(out, torch.tensor([[1.0, math.exp(-1)]]), 1e-6)
    encoder = mmea.AttributeEncoder(3, 4, G().manual_seed(0))
    k = torch.tensor([0, 0, 1])
    said = encoder(k, torch.tensor([0.1, 0.9, 0.1]))
    same(said.norm(dim=1), torch.ones(3), 1e-5)
    assert (said[0] - said[1]).abs().max() > 1e-3 and (said[0] - said[2]).abs().max() > 1e-3
    assert encoder(k, None).shape == (3, 4)


def test_the_shared_vector_is_pulled_towards_all_views():
    graphs = world()
    model = build(graphs, tiny(model="mmea"))
    parts = model.losses(graphs.train)
    assert {("shared to", m) for m in model.modalities} <= parts.keys()
    parts["shared to", "image"].backward()
    assert model.common.weight.grad.abs().sum() > 0 and model.encoders["image"].weight.grad.abs().sum() > 0
    same(model.embed()["joint"], model.common(), 0)
    off = build(graphs, tiny(model="mmea", ablate=True))
    assert off.embed()["joint"].shape[1] == 3 * 8 and ("joint",) not in off.losses(graphs.train)


# --- one interface ---------------------------------------------------------------------------------------------------


def test_all_are_found_by_name_and_an_unknown_one_is_not():
    assert set(NAMES) <= {name for name in SYSTEMS if find(name).title and find(name).ablated}
    assert {find(n).title for n in NAMES} == {"PMF", "EVA", "MCLEA", "MEAformer", "UMAEA", "MSNEA", "MMEA"}
    with pytest.raises(ValueError, match="model='gcn-align': choose one of .*meaformer.*pmf"):
        fit(world(), tiny(model="gcn-align"), "cpu", progress=False)


def test_files_are_short_and_nobody_asks_for_a_model_by_name():
    package = Path(pmf_minimal.__file__).parent
    for file in (package / "baselines").glob("*.py"):
        assert len(file.read_text().splitlines()) <= 150, file
    asks = re.compile(r"\b(if|elif|match|case)\b.*\b(model|name)\b.*[\"'](" + "|".join(NAMES) + ")[\"']")
    found = [f.name for f in package.rglob("*.py") for line in f.read_text().splitlines() if asks.search(line)]
    assert not found


@pytest.mark.parametrize("name", NAMES)
def test_trains_alike_twice_and_learns(name, tmp_path):
    graphs = generate(150, spoilt={"image": {"missing": 0.2}}, seed=1)
    epochs = find(name).published["epochs"] // 2 if issubclass(find(name), transe.TransEAligner) else 24
    config = PRESETS["quick"].replace(model=name, dim=24, epochs=epochs, lr=0.02, evaluate_every=4, selection="last")
    first = fit(graphs, config, "cpu", progress=False)
    again = fit(graphs, config, "cpu", progress=False)
    for key, value in first.model.state_dict().items():
        assert value.equal(again.model.state_dict()[key]), key
    figures = first.evaluate()
    chance = 1 / len(first.graphs.test)
    # What rests on translations alone learns slowly.
    least = 3 if name in ("msnea", "mmea") else 15
    assert figures.loc["joint", "Hits@1"].mean() > least * chance
    assert first.history["loss"].iloc[-1] < first.history["loss"].iloc[0]
    assert set(first.model.relevance) == set(first.model.modalities)
    if name != "pmf":
        assert (first.history.filter(like="frozen") == 0).all(axis=None) and first.config.scoring == "off"


@pytest.mark.parametrize("name", ["umaea", "msnea"])
def test_a_halted_training_goes_on(name, tmp_path):
    graphs = world(missing=0.2)
    config = tiny(model=name, epochs=8, evaluate_every=2)
    whole = fit(graphs, config, "cpu", progress=False)
    half = Training(graphs, config if name == "pmf" else find(name).resolve_config(config))
    for _ in range(6):
        half.run_epoch()
    checkpoints.Keeper(tmp_path, half.config, half.graphs).write(half)
    rest = fit(graphs, config, "cpu", progress=False, checkpoint=tmp_path)
    for key, value in whole.model.state_dict().items():
        assert value.equal(rest.model.state_dict()[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_without_its_idea_and_by_its_own_protocol(name):
    graphs = world(missing=0.2)
    off = build(graphs, find(name).resolve_config(tiny(model=name, ablate=True)))
    parts = off.losses(graphs.train, None)
    assert torch.isfinite(off.total_loss(parts))
    own = published(name)
    assert own.model == name and own != PMFConfig(model=name)
    few = own.replace(epochs=2, dim=8, scoring_end=1, batch_size=20)
    run = fit(generate(60, spoilt={"image": {"missing": 0.2}}), few, "cpu", progress=False)
    assert run.evaluate().notna().all(axis=None)


def test_noise_stands_for_a_missing_image():
    graphs = world(missing=0.3)
    missing = ~graphs.masks["image"]
    model = build(graphs, tiny(model="eva", missing="noise"))
    x = graphs.features["image"]
    filling = model.fillings["image"]
    noise = filling[missing]
    assert (filling[~missing] == 0).all() and noise.std(dim=0).mean().item() == pytest.approx(
        x[~missing].std(dim=0).mean().item(), rel=0.2
    )
    assert model.masks["image"].all()
    h = model.encode()["image"]
    same(h[missing], model.encoders["image"](noise), 1e-5)
    same(h[~missing], model.encoders["image"](x)[~missing], 1e-5)


def test_an_eighth_takes_one_class(monkeypatch):
    class Half(System):
        """Structure and image, everything alike."""

        uses = ("structure", "image")

        def losses(self, pairs, entities=None):
            h, rows, left, right = self.batch(pairs)
            joint = self.joint(h, rows)
            return {("joint",): (joint[left] - joint[right]).square().sum(dim=1).mean()}

    monkeypatch.setitem(pmf_minimal.SYSTEMS, "half", Half)
    run = fit(random_pair(), tiny(model="half"), "cpu", progress=False)
    assert run.model.modalities == ("structure", "image") and "loss joint" in run.history
