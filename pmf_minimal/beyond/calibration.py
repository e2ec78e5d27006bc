"""How far to rely on each modality, and in it on each feature, learnt from the validation pairs (beyond the paper)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.graphs import GraphPair
from pmf_minimal.relevance import best_match

#: Reliability of a feature of which nothing is known yet.
PRIOR_RELIABILITY = 0.85
#: Highest reliability of any feature, so that one modality alone cannot rule a pair out.
MAX_RELIABILITY = 1 - 1e-5
#: Two normal distributions further apart than this are two kinds (Ashman, Bird and Zepf, Detecting bimodality, 1994).
MIN_SEPARATION = 2.0
#: Entities of each graph that stand for all others when reliability is learnt.
N_NEGATIVES = 250
#: What is believed before any pair is seen: mean and standard deviation of log tau, of b and of log a.
PRIOR = torch.tensor([[math.log(0.05), 1.0, 0.0], [0.5, 1.5, 1.0]])


def evidence(log_ratio: Tensor, reliability: Tensor) -> Tensor:
    """Evidence of one modality for pairs of entities, in nats.

        e = log( 1 - w_i w_j + w_i w_j r_ij )

    With probability w_i w_j both features are what they should be, and r_ij is how much likelier their similarity then is for a
    pair than for strangers. Else the features say nothing, and the ratio is 1.

    Args:
        log_ratio: float, log r_ij, at most 88.
        reliability: float of the same shape, w_i w_j in [0, 1]; 0 where one has no such feature, and then e is 0.

    Returns:
        float of the same shape, at least log(1 - w_i w_j).
    """
    return torch.log1p(reliability.clamp(max=MAX_RELIABILITY) * torch.expm1(log_ratio))


@torch.no_grad()
def calibrate(
    embeddings: dict[str, Tensor], graphs: GraphPair, seed: int, known: dict[str, Tensor] | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Learn from the validation pairs how reliable each modality is, and in it each feature.

        w_i^m = sigmoid( a_m z_i^m + b_m ),   z_i^m the standardised best match of i's input feature in the other graph

    tau, a > 0 and b of all modalities are those under which the validation pairs find each other best among ``N_NEGATIVES``
    strangers, with a Gaussian prior (``PRIOR``), which is all there is without validation pairs.

    Args:
        embeddings: modality -> float ``[N, d]``.
        graphs: the pair, with its split.
        seed: draws the strangers.
        known: what :func:`match_zscores` gives for the given features, if it was computed before; they never change.

    Returns:
        tau, float ``[modalities]``; modality -> w, float ``[N]``, 0 where the feature is missing.
    """
    known = known or {}
    z = known | match_zscores({m: graphs.features.get(m, h) for m, h in embeddings.items() if m not in known}, graphs)
    learnt = learn(embeddings, graphs, seed, z)
    return learnt[:, 0].exp(), reliabilities(learnt, {m: z[m] for m in embeddings}, graphs)


def learn(embeddings: dict[str, Tensor], graphs: GraphPair, seed: int, z: dict[str, Tensor]) -> Tensor:
    """log tau, b and log a of every modality, float ``[modalities, 3]``; arguments as for :func:`calibrate`, z of each modality."""
    modalities = list(embeddings)
    sides = [_sample(graphs, side, seed) for side in (0, 1)]
    cosines, both = {}, {}
    for m, h in embeddings.items():
        left, right = (normalize(h[rows]) for rows in sides)
        cosines[m] = left @ right.T
        here, there = (graphs.mask(m)[rows] for rows in sides)
        both[m] = here[:, None] & there
    count = len(graphs.valid)
    x = PRIOR[0].to(z[modalities[0]]).repeat(len(modalities), 1).requires_grad_()
    optimiser = torch.optim.LBFGS([x], lr=0.5, max_iter=25, line_search_fn="strong_wolfe")
    mean, deviation = PRIOR.to(x.device)

    def loss():
        optimiser.zero_grad()
        total = 0
        for m, (log_tau, b, log_a) in zip(modalities, x, strict=True):
            w, v = (torch.sigmoid(log_a.exp() * z[m][rows] + b) for rows in sides)
            scaled = cosines[m] / log_tau.exp()
            out = scaled.masked_fill(~both[m], -1e9)
            of_rows = out.logsumexp(dim=1) - both[m].sum(dim=1).clamp(min=1).log()
            of_columns = out.logsumexp(dim=0) - both[m].sum(dim=0).clamp(min=1).log()
            log_ratio = scaled - of_rows[:, None] / 2 - of_columns / 2
            total = total + evidence(log_ratio.masked_fill(~both[m], 0), w[:, None] * v)
        forth, back = (s[:count].log_softmax(dim=1).diagonal() for s in (total, total.T))
        value = -(forth.sum() + back.sum()) / 2 + (((x - mean) / deviation) ** 2).sum() / 2
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(loss)
    return x.detach()


def reliabilities(learnt: Tensor, z: dict[str, Tensor], graphs: GraphPair) -> dict[str, Tensor]:
    """Modality -> w, float ``[N]``, 0 where the feature is missing, from what :func:`learn` gives."""
    return {
        m: torch.sigmoid(log_a.exp() * z[m] + b) * graphs.mask(m) for m, (_, b, log_a) in zip(z, learnt, strict=True)
    }


def match_zscores(features: dict[str, Tensor], graphs: GraphPair) -> dict[str, Tensor]:
    """z, float ``[N]`` per modality: best match of every feature in the other graph, against mean and spread of its own graph; missing ones 0."""
    out = {}
    for m, x in features.items():
        out[m] = x.new_zeros(len(x))
        rows = [side.nonzero().ravel() + k * graphs.n_left for k, side in enumerate(graphs.side(m))]
        for mine, alpha in zip(rows, best_match(x[rows[0]], x[rows[1]]), strict=True):
            if len(alpha) > 1:
                out[m][mine] = (alpha - alpha.mean()) / alpha.std().clamp(min=1e-3)
    return out


def would_freeze(z: Tensor, reliability: Tensor) -> Tensor:
    """Features that one would freeze: those of a lower kind that stands apart and is less reliable, by a third at least; bool ``[n]``.

    No threshold on z is set. What the features are like says whether there are two kinds, and where they part
    (:func:`lower_kind`); reliability, which comes from the validation pairs, whether the lower kind is worth less.

    Args:
        z, reliability: float ``[n]``, best matches and w of those who have the feature.
    """
    low, apart = lower_kind(z)
    worth = [(p * reliability).sum() / p.sum().clamp(min=1e-9) for p in (low, 1 - low)]
    return (low > 0.5) & (apart > MIN_SEPARATION) & (worth[0] < worth[1] * 2 / 3)


def lower_kind(z: Tensor, rounds: int = 300) -> tuple[Tensor, Tensor]:
    """Two kinds of numbers, each normally distributed: how probably each number is of the lower kind, and how far the kinds are apart.

        D = sqrt(2) |mu_0 - mu_1| / sqrt( sigma_0^2 + sigma_1^2 )

    Means, deviations and shares of both kinds are those of the greatest likelihood, found by expectation and maximisation (Dempster,
    Laird and Rubin 1977) from two quantiles on. Above D = 2 there are two kinds, below it may be one (Ashman, Bird and Zepf 1994).

    Args:
        z: float ``[n]``.
        rounds: of expectation and maximisation.

    Returns:
        float ``[n]``, and D, a scalar.
    """
    x = z.double()[:, None]
    mean = x.ravel().quantile(x.new_tensor([0.15, 0.65]))
    deviation, share = x.std().expand(2) / 2, x.new_tensor([0.3, 0.7])
    for _ in range(rounds):
        p = (share.log() - deviation.log() - ((x - mean) / deviation) ** 2 / 2).softmax(dim=1)
        count = p.sum(dim=0).clamp(min=1e-9)
        share, mean = count / len(x), (p * x).sum(dim=0) / count
        deviation = ((p * (x - mean) ** 2).sum(dim=0) / count).sqrt().clamp(min=1e-3)
    low = mean.argmin()
    # The wider kind also has the odd number far below the lower one's.
    p = torch.where(x.ravel() < mean[low], 1.0, p[:, low]).where(x.ravel() < mean.max(), 0.0)
    return p.to(z.dtype), 2**0.5 * (mean[0] - mean[1]).abs() / deviation.norm()


def _sample(graphs: GraphPair, side: int, seed: int) -> Tensor:
    """int64: a side's entities of the validation pairs, then strangers that no known pair has."""
    start, stop = ((0, graphs.n_left), (graphs.n_left, graphs.num_nodes))[side]
    free = torch.ones(graphs.num_nodes, dtype=torch.bool, device=graphs.valid.device)
    free[torch.cat([graphs.train, graphs.valid]).ravel()] = False
    rows = free[start:stop].nonzero().ravel() + start
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:N_NEGATIVES]
    return torch.cat([graphs.valid[:, side], rows[order.to(rows.device)]])
