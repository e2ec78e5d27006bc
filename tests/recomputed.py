"""What the interactive figures of the book ought to show, computed anew: with the package where a model is trained, by the
formula itself where there is one.

FIGURES has an entry for each of them: page -> for each figure in order, a function that returns how exact its numbers
have to be and a function position -> {name: value}. Values of a trained model may differ a little from those stored,
which another machine may have computed; one that stops training counts as 0.
"""

from functools import cache

import torch
from torch.nn.functional import normalize

from pmf_minimal.config import SCALES
from pmf_minimal.datasets import load
from pmf_minimal.datasets.faults import corrupt
from pmf_minimal.experiments import cards
from pmf_minimal.runs.run import fit
from pmf_minimal.teaching.yardstick import BOOK
from pmf_minimal.training import Training

TRAINED, EXACT = 0.02, 0.0006  # all are shown with three decimals


def hits_at_1(s):
    """Row p and column p are a pair; mean of both directions, ties shared."""
    own = s.diagonal()
    shares = []
    for t in (s, s.T):
        above, equal = (t > own[:, None]).sum(dim=1), (t == own[:, None]).sum(dim=1)
        shares.append(((above == 0) / equal).mean().item())
    return sum(shares) / 2


def embeddings(run):
    """Modality -> unit vectors [N, d] of a trained model, without the joint ones."""
    return {m: normalize(h.cpu()) for m, h in run.model.embed().items() if m != "joint"}


def joint_cosines(h, weights, pairs):
    """Eq. (8) by its sum: w_i w_j cos(h_i, h_j) over all modalities, divided by both lengths."""
    left, right = pairs.T
    products = sum((w[left, None] * h[m][left]) @ (w[right, None] * h[m][right]).T for m, w in weights.items())
    squares = sum(w**2 for w in weights.values())
    return products / (squares[left, None] * squares[None, right]).sqrt()


def best_matches(h, mask, n):
    """Eq. (4); -1 where the feature is missing."""
    cosine = h[:n] @ h[n:].T
    cosine[~mask[:n]], cosine[:, ~mask[n:]] = -1, -1
    return torch.cat([cosine.amax(dim=1), cosine.amax(dim=0)])


def threshold_on_a_finished_run():
    """Chapter 4: 40 % of the pictures are foreign, trained without freezing, then frozen by a threshold."""
    graphs = corrupt(load("emoji/fr_en"), "image", foreign=0.4, seed=0)
    config = SCALES["quick"].replace(
        dim=32, lr=1e-2, symmetric="separate", cross_modality="off", fusion="keep", threshold_grows=("image",),
        relation_counts=True, selection="last", evaluate_every=99, epochs=11, scoring="off", seed=0,
    )  # fmt: skip
    run = fit(graphs, config, "cpu", progress=False)
    h, has = embeddings(run), {m: graphs.mask(m) for m in graphs.modalities}
    alpha = {m: best_matches(h[m], has[m], graphs.n_left) for m in h}
    bad = has["image"] & ~graphs.relevant["image"]

    def at(position):
        kept = {m: (has[m] & (alpha[m] > (float(position) if m == "image" else 0.1))).float() for m in h}
        frozen = has["image"] & (kept["image"] == 0)
        hit = (frozen & bad).sum().item()
        return {
            "frozen share": frozen.sum().item() / has["image"].sum().item(),
            "precision": hit / frozen.sum().item() if frozen.any() else None,
            "recall": hit / bad.sum().item(),
            "Hits@1": hits_at_1(joint_cosines(h, kept, run.graphs.test)),
        }

    return TRAINED, at


@cache
def fusion_run():
    """Chapter 5: embeddings of the first seed, who has what, test pairs."""
    graphs = load("emoji/fr_en")
    run = fit(graphs, BOOK, "cpu", progress=False)
    return embeddings(run), {m: graphs.mask(m).float() for m in graphs.modalities}, run.graphs.test


def weight_of_the_picture():
    """Chapter 5: three candidates of one emoji."""
    h, has, test = fusion_run()

    def cosines(weight):
        return joint_cosines(h, has | {"image": weight * has["image"]}, test)

    by_picture = (h["image"] @ h["image"].T)[test[:, 0]][:, test[:, 1]]
    with_picture = (has["image"][test] > 0).all(dim=1).tolist()
    firsts = [s.argmax(dim=1).tolist() for s in (cosines(0), by_picture, cosines(1))]
    p, without, alone = next(
        (p, a, b)
        for p, (a, b, c) in enumerate(zip(*firsts, strict=True))
        if with_picture[p] and len({p, a, b}) == 3 and c == p
    )

    def at(position):
        s = cosines(float(position))[p]
        columns = {"counterpart": p, "first without pictures": without, "first by pictures alone": alone}
        return {name: s[q].item() for name, q in columns.items()}

    return TRAINED, at


def weight_of_one_modality():
    """Chapter 5: Hits@1 of all test pairs."""
    h, has, test = fusion_run()

    def at(position):
        return {m: hits_at_1(joint_cosines(h, has | {m: float(position) * has[m]}, test)) for m in h}

    return TRAINED, at


def temperature():
    """Chapter 6: the push on the negatives of the left tiger, from the gradient of the loss."""
    graphs = load("emoji/fr_en")
    i, j = next(pair for pair in graphs.pairs.tolist() if graphs.uris[pair[1]] == "en/emoji/tiger_face")
    x = normalize(graphs.features["image"].double())
    others = [k for k in range(graphs.n_left, graphs.num_nodes) if k != j and graphs.mask("image")[k]]
    cosines = x[[j, *others]] @ x[i]

    def at(position):
        s = cosines.clone().requires_grad_()
        (-(s / float(position)).log_softmax(dim=0)[0]).backward()
        push = s.grad[1:].sort(descending=True).values
        share = {name: (push[:k].sum() / push.sum()).item() for name, k in (("one", 1), ("10", 10), ("100", 100))}
        return {f"the hardest {name}": value for name, value in share.items()}

    return EXACT, at


def largest_threshold():
    """Chapter 12: means of the stored runs."""
    runs = cards.runs("threshold").to_dict("records")
    runs = [
        r for r in runs if r["dataset"] == "emoji/fr_en+foreign" and not isinstance(r["config.threshold_grows"], str)
    ]

    def at(position):
        here = [r for r in runs if r["config.threshold_max"] == float(position)]
        assert len(here) == 5
        some = [r for r in here if r["frozen image"] >= 0.005]
        return {
            "frozen share": sum(r["frozen image"] for r in here) / 5,
            "precision": sum(r["precision image"] for r in some) / len(some) if some else None,
            "recall": sum(r["recall image"] for r in here) / 5,
            "Hits@1": sum(r["Hits@1"] for r in here) / 5,
        }

    return EXACT, at


def film():
    """Chapter 14: Eq. (3), (4) and (6) at the beginning of every epoch of one training."""
    card = cards.read("threshold")
    config = next(cell.config for cell in cards.cells(card) if cell.variant == "δ up to 0.9").replace(seed=0)
    graphs = load("emoji/fr_en", seed=0)
    has, n = graphs.mask("image"), graphs.n_left
    training = Training(graphs.split(0, config.train_share, config.valid_share), config)
    delta, w, epochs = None, has.float(), {}
    for epoch in range(1, config.epochs + 1):
        if 5 <= epoch <= 20:
            delta = 0.1 if delta is None else min(0.9, 1.2 * delta)
            with torch.no_grad():
                h = normalize(training.model.encoders["image"](training.graphs.features["image"], None))
            alpha = best_matches(h, has, n)
            for side in (slice(None, n), slice(n, None)):
                w[side] = torch.relu((alpha[side] - delta) / (alpha[side].max() - delta))
        frozen = (has & (w == 0)).sum().item() / has.sum().item()
        # only emoji have pictures, and each has a name of its own
        own = {graphs.entity_names[i]: w[i].item() for i in range(n) if has[i]}
        epochs[epoch] = {"threshold δ": delta, "frozen share": frozen} | own
        training.run_epoch()
    return TRAINED, lambda position: epochs[int(position)]


FIGURES = {
    "notebooks/04_freezing.html": [threshold_on_a_finished_run],
    "notebooks/05_fusion.html": [weight_of_the_picture, weight_of_one_modality],
    "notebooks/06_losses.html": [temperature],
    "notebooks/12_threshold.html": [largest_threshold],
    "notebooks/14_case_study.html": [film],
}
