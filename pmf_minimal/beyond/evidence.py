"""What each modality says for or against a pair, and how far to trust it (beyond the paper, chapter 19).

The idea: relevance is a matter of the pair, not of the entity. Two pictures that resemble each other more than chance would have it
speak for a pair; two that do not may both be good ones of different things, or one of them is worthless. So their evidence is
bounded below by how often a picture of this kind is worthless, and not bounded above.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.config import PMFConfig
from pmf_minimal.graphs import GraphPair
from pmf_minimal.relevance import best_match
from pmf_minimal.scale.blockwise import Similarities, row_slices

#: Trust in a feature of which nothing is known yet.
PRIOR_RELIABILITY = 0.85
#: Most trust that anything gets, so that one modality alone cannot rule a pair out.
MAX_RELIABILITY = 1 - 1e-5
#: Two normal distributions further apart than this are two kinds (Ashman, Bird and Zepf, Detecting bimodality, 1994).
MIN_SEPARATION = 2.0
#: Entities of each graph that stand for all others when trust is learnt.
N_NEGATIVES = 250
#: What is believed before any pair is seen: mean and standard deviation of log tau, of b and of log a.
PRIOR = torch.tensor([[math.log(0.05), 1.0, 0.0], [0.5, 1.5, 1.0]])


def evidence(log_ratio: Tensor, trust: Tensor) -> Tensor:
    """Evidence of one modality for pairs of entities, in nats.

        e = log( 1 - w_i w_j + w_i w_j r_ij )

    With probability w_i w_j both features are what they should be, and r_ij is how much likelier their similarity then is for a
    pair than for strangers. Else the features say nothing, and the ratio is 1.

    Args:
        log_ratio: float, log r_ij, at most 88.
        trust: float of the same shape, w_i w_j in [0, 1]; 0 where one has no such feature, and then e is 0.

    Returns:
        float of the same shape, at least log(1 - w_i w_j).
    """
    return torch.log1p(trust.clamp(max=MAX_RELIABILITY) * torch.expm1(log_ratio))


class Evidence(Similarities):
    """Sum of the evidence of all modalities for every pair, of which any block of rows can be had.

        r_ij = exp(cos_ij / tau) / sqrt( mean_k exp(cos_ik / tau) · mean_k exp(cos_kj / tau) )

    That is what a contrastive loss teaches: at the optimum of one that looks for counterparts of i, exp(cos / tau) is the ratio of two
    densities, of pairs and of strangers, up to a factor of i (van den Oord et al., Representation learning with contrastive
    predictive coding, 2018), which the mean over the row takes out; the other direction does the same for j. r is the geometric
    mean of both answers. Like CSLS, the means make hubs pay. Since i and j are among the k, r is never more than the number of
    candidates.

    Args:
        left, right: float ``[n, d · modalities]`` and ``[n', d · modalities]``, joint embeddings of Eq. (8): the direction of
            each part is the feature, its length w_i.
        temperatures: float ``[modalities]``, tau.
        csls_k, csls_rounds: as for :func:`alignment.similarity`.
    """

    def __init__(self, left: Tensor, right: Tensor, temperatures: Tensor, csls_k: int = 3, csls_rounds: int = 0):
        self.kind, self.shape, self.means = "evidence", (len(left), len(right)), []
        self.modalities = len(temperatures)
        (x, w), (y, v) = self._split(left), self._split(right)
        # All that belongs to an entity stands in its row, such that a dot product of two rows' parts is log r.
        rows, columns = [], []
        for k, tau in enumerate(temperatures.tolist()):
            base, other = _log_means(x[:, k], y[:, k], w[:, k] > 0, v[:, k] > 0, tau)
            rows.append(torch.cat([x[:, k] / tau, -base[:, None] / 2, x.new_ones(len(x), 1)], dim=1))
            columns.append(torch.cat([y[:, k], y.new_ones(len(y), 1), -other[:, None] / 2], dim=1))
        self.left, self.right = torch.cat([*rows, w.clamp(max=MAX_RELIABILITY)], dim=1), torch.cat([*columns, v], dim=1)
        self._correct(csls_k, csls_rounds)

    def _split(self, joint: Tensor) -> tuple[Tensor, Tensor]:
        """float ``[n, modalities, d]`` and ``[n, modalities]``: features of length 1, and w."""
        each = joint.reshape(len(joint), self.modalities, -1)
        return normalize(each, dim=2), each.norm(dim=2)

    def _sides(self, rows: Tensor | slice, columns: Tensor | slice):
        """Per modality the parts whose dot products are log r, and w, of the rows and columns asked for."""
        m = self.modalities
        left, right = self.left[rows], self.right[columns]
        parts_of_both = [x[:, :-m].unflatten(1, (m, -1)) for x in (left, right)]
        for k in range(m):
            yield *(x[:, k] for x in parts_of_both), left[:, k - m], right[:, k - m]

    def _compute(self, rows: Tensor | slice, columns: Tensor | slice, out: Tensor | None = None) -> Tensor:
        total = None
        for x, y, w, v in self._sides(rows, columns):
            # evidence() in one place, step by step
            e = (x @ y.T).expm1_().mul_(w[:, None]).mul_(v).log1p_()
            total = e if total is None else total.add_(e)
        for of_rows, of_columns in self.means:
            total = total.mul_(2).sub_(of_rows[rows, None]).sub_(of_columns[columns])
        return total if out is None else out.copy_(total)

    def by_modality(self, rows: Tensor, columns: Tensor) -> Tensor:
        """float ``[P, modalities]``: what each modality says of the given cells, before CSLS."""
        said = [evidence((x * y).sum(dim=1), w * v) for x, y, w, v in self._sides(rows, columns)]
        return torch.stack(said, dim=1)

    def confidence(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Probability of the given pairs, float ``[P]``, if of all candidates just one is the counterpart: the lower of both directions.

        Evidence before CSLS is the logarithm of a ratio of likelihoods, so its softmax over the candidates is that probability.
        """
        means, self.means = self.means, []
        of_rows, of_columns = self.left.new_zeros(self.shape[0]), self.left.new_full((self.shape[1],), -torch.inf)
        for part, block in self._blocks():
            of_rows[part] = block.logsumexp(dim=1)
            of_columns = torch.logaddexp(of_columns, block.logsumexp(dim=0))
        self.means = means
        s = self.by_modality(rows, columns).sum(dim=1)
        return (s - torch.maximum(of_rows[rows], of_columns[columns])).exp()

    def pairs(self, rows: Tensor, columns: Tensor) -> Tensor:
        s = self.by_modality(rows, columns).sum(dim=1)
        for of_rows, of_columns in self.means:
            s = 2 * s - of_rows[rows] - of_columns[columns]
        return s


def _log_means(x: Tensor, y: Tensor, here: Tensor, there: Tensor, tau: float) -> tuple[Tensor, Tensor]:
    """log mean_k exp(cos_ik / tau), float ``[n]``, and log mean_k exp(cos_kj / tau), float ``[n']``, over those who have the feature; else 0."""
    of_rows, of_columns = x.new_zeros(len(x)), y.new_zeros(len(y))
    x, y = x[here], y[there]
    if len(x) and len(y):
        rows, columns = x.new_zeros(len(x)), y.new_full((len(y),), -torch.inf)
        for part in row_slices(len(x), len(y)):
            scaled = (x[part] @ y.T).div_(tau)
            rows[part] = scaled.logsumexp(dim=1)
            columns = torch.logaddexp(columns, scaled.logsumexp(dim=0))
        of_rows[here], of_columns[there] = rows - math.log(len(y)), columns - math.log(len(x))
    return of_rows, of_columns


def pair_scores(left: Tensor, right: Tensor, config: PMFConfig, temperatures: Tensor | None = None) -> Similarities:
    """Similarities of two sets of embeddings as the configuration has it; with temperatures, the evidence of joint ones."""
    if temperatures is None:
        return Similarities(left, right, config.similarity, config.csls_k, config.csls_rounds)
    return Evidence(left, right, temperatures, config.csls_k, config.csls_rounds)


@torch.no_grad()
def calibrate(
    embeddings: dict[str, Tensor], graphs: GraphPair, seed: int, known: dict[str, Tensor] | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Learn from the validation pairs how far to trust each modality, and in it each feature.

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
    modalities, known = list(embeddings), known or {}
    z = known | match_zscores({m: graphs.features.get(m, h) for m, h in embeddings.items() if m not in known}, graphs)
    sides = [_sample(graphs, side, seed) for side in (0, 1)]
    cosines, both = {}, {}
    for m, h in embeddings.items():
        left, right = (normalize(h[rows]) for rows in sides)
        cosines[m] = left @ right.T
        here, there = (graphs.presence(m)[rows] for rows in sides)
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
    log_tau, b, log_a = x.detach().T
    trust = {m: torch.sigmoid(log_a[k].exp() * z[m] + b[k]) * graphs.presence(m) for k, m in enumerate(modalities)}
    return log_tau.exp(), trust


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


def would_freeze(z: Tensor, trust: Tensor) -> Tensor:
    """Features that one would freeze: those of a lower kind that stands apart and is trusted less, by a third at least; bool ``[n]``.

    No threshold on z is set. What the features are like says whether there are two kinds, and where they part
    (:func:`lower_kind`); trust, which comes from the validation pairs, whether the lower kind is worth less.

    Args:
        z, trust: float ``[n]``, best matches and w of those who have the feature.
    """
    low, apart = lower_kind(z)
    worth = [(p * trust).sum() / p.sum().clamp(min=1e-9) for p in (low, 1 - low)]
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
