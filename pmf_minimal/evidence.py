"""What each modality says for or against a pair, and how far to trust it (beyond the paper, chapter 19).

The idea: relevance is a matter of the pair, not of the entity. Two pictures that resemble each other more than chance would have it
speak for a pair; two that do not may both be good ones of different things, or one of them is worthless. So their evidence is
bounded below by how often a picture of this kind is worthless, and not bounded above.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from pmf_minimal.blocks import Similarities, parts
from pmf_minimal.config import PMFConfig
from pmf_minimal.graphs import GraphPair
from pmf_minimal.relevance import best_match

#: Trust in a feature of which nothing is known yet.
BEFORE = 0.85
#: Entities of each graph that stand for all others when trust is learnt.
OTHERS = 250
#: What is believed before any pair is seen: mean and standard deviation of log tau, of b and of log a.
PRIOR = torch.tensor([[math.log(0.05), 1.0, 0.0], [0.5, 1.5, 1.0]])


def evidence(log_ratio: Tensor, log_trust: Tensor) -> Tensor:
    """Evidence of one modality for pairs of entities, in nats.

        e = log( 1 - w_i w_j + w_i w_j r_ij )

    With probability w_i w_j both features are what they should be, and r_ij is how much likelier their similarity then is for a
    pair than for strangers. Else the features say nothing, and the ratio is 1.

    Args:
        log_ratio: float, log r_ij.
        log_trust: float of the same shape, log w_i w_j, at most 0; -inf where one has no such feature, and then e is 0.

    Returns:
        float of the same shape, at least log(1 - w_i w_j).
    """
    log_trust = log_trust.clamp(max=-1e-5)
    return torch.logaddexp(torch.log(-torch.expm1(log_trust)), log_ratio + log_trust)


class Evidence(Similarities):
    """Sum of the evidence of all modalities for every pair, of which any block of rows can be had.

        r_ij = exp(cos_ij / tau) / sqrt( mean_k exp(cos_ik / tau) · mean_k exp(cos_kj / tau) )

    That is what a contrastive loss teaches: at its optimum exp(cos / tau) is, up to a factor for each entity, the ratio of two
    densities, of pairs and of strangers (van den Oord et al., Representation learning with contrastive predictive coding, 2018). The
    two means take the factors out; like CSLS, they make hubs pay.

    Args:
        left, right: float ``[n, d · modalities]`` and ``[n', d · modalities]``, joint embeddings of Eq. (8): the direction of
            each part is the feature, its length w_i.
        temperatures: float ``[modalities]``, tau.
        csls_k, csls_rounds: as for :func:`alignment.similarity`.
    """

    def __init__(self, left: Tensor, right: Tensor, temperatures: Tensor, csls_k: int = 3, csls_rounds: int = 0):
        self.kind, self.shape, self.means = "evidence", (len(left), len(right)), []
        self.temperatures = temperatures.tolist()
        # All that belongs to an entity stands in its row: features, log w, log of the mean.
        self.left, self.right = (
            torch.cat([*self._split(x), x.new_zeros(len(x), len(temperatures))], 1) for x in (left, right)
        )
        self._set_means()
        for _ in range(csls_rounds):
            self.means.append(self._neighbours(csls_k))

    def _split(self, joint: Tensor) -> tuple[Tensor, Tensor]:
        m = len(self.temperatures)
        each = joint.reshape(len(joint), m, -1)
        return normalize(each, dim=2).reshape(joint.shape), each.norm(dim=2).log()

    def _sides(self, rows: Tensor | slice, columns: Tensor | slice):
        """Per modality tau, and for each side features, log w and log of the mean of the rows or columns asked for."""
        m = len(self.temperatures)
        wide = [x[..., : -2 * m].unflatten(-1, (m, -1)) for x in (self.left[rows], self.right[columns])]
        tail = [x[..., -2 * m :].unflatten(-1, (2, m)) for x in (self.left[rows], self.right[columns])]
        for k, tau in enumerate(self.temperatures):
            yield tau, *((x[..., k, :], t[..., 0, k], t[..., 1, k]) for x, t in zip(wide, tail, strict=True))

    def _set_means(self) -> None:
        m = len(self.temperatures)
        for k, (tau, (x, log_w, _), (y, log_v, _)) in enumerate(self._sides(slice(None), slice(None))):
            here, there = log_w.isfinite(), log_v.isfinite()
            of_rows, of_columns = x.new_zeros(len(x)), y.new_full((len(y),), -torch.inf)
            for part in parts(*self.shape):
                scaled = (x[part] @ y.T).div_(tau)
                of_rows[part] = scaled.masked_fill(~there, -torch.inf).logsumexp(dim=1) - there.sum().log()
                down = scaled.masked_fill_(~here[part, None], -torch.inf).logsumexp(dim=0)
                of_columns = torch.logaddexp(of_columns, down)
            self.left[:, k - m], self.right[:, k - m] = of_rows, of_columns - here.sum().log()

    def _compute(self, rows: Tensor | slice, columns: Tensor | slice, out: Tensor | None = None) -> Tensor:
        total = 0
        for tau, (x, log_w, base), (y, log_v, other) in self._sides(rows, columns):
            log_ratio = (x @ y.T) / tau - base[:, None] / 2 - other / 2
            total = total + _present(log_ratio, log_w[:, None] + log_v)
        for of_rows, of_columns in self.means:
            total = total.mul_(2).sub_(of_rows[rows, None]).sub_(of_columns[columns])
        return total if out is None else out.copy_(total)

    def by_modality(self, rows: Tensor, columns: Tensor) -> Tensor:
        """float ``[P, modalities]``: what each modality says of the given cells, before CSLS."""
        found = []
        for tau, (x, log_w, base), (y, log_v, other) in self._sides(rows, columns):
            log_ratio = (x * y).sum(dim=1) / tau - base / 2 - other / 2
            found.append(_present(log_ratio, log_w + log_v))
        return torch.stack(found, dim=1)

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

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        s = self.by_modality(rows, columns).sum(dim=1)
        for of_rows, of_columns in self.means:
            s = 2 * s - of_rows[rows] - of_columns[columns]
        return s


def _present(log_ratio: Tensor, log_trust: Tensor) -> Tensor:
    """:func:`evidence` where both have the feature, else 0; a mean over nobody is no number."""
    return torch.where(log_trust.isfinite(), evidence(log_ratio.nan_to_num(0, 0, 0), log_trust), 0)


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

    tau, a > 0 and b of all modalities are those under which the validation pairs find each other best among ``OTHERS``
    strangers, with a Gaussian prior (``PRIOR``), which is all there is without validation pairs.

    Args:
        embeddings: modality -> float ``[N, d]``.
        graphs: the pair, with its split.
        seed: draws the strangers.
        known: what :func:`standing` gives for the given features, if it was computed before; they never change.

    Returns:
        tau, float ``[modalities]``; modality -> w, float ``[N]``, 0 where the feature is missing.
    """
    modalities, known = list(embeddings), known or {}
    z = known | standing({m: graphs.features.get(m, h) for m, h in embeddings.items() if m not in known}, graphs)
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
            log_w = [logsigmoid(log_a.exp() * z[m][rows] + b) for rows in sides]
            scaled = cosines[m] / log_tau.exp()
            out = scaled.masked_fill(~both[m], -1e9)
            of_rows = out.logsumexp(dim=1) - both[m].sum(dim=1).clamp(min=1).log()
            of_columns = out.logsumexp(dim=0) - both[m].sum(dim=0).clamp(min=1).log()
            e = evidence(scaled - of_rows[:, None] / 2 - of_columns / 2, log_w[0][:, None] + log_w[1])
            total = total + torch.where(both[m], e, 0)
        forth, back = (s[:count].log_softmax(dim=1).diagonal() for s in (total, total.T))
        value = -(forth.sum() + back.sum()) / 2 + (((x - mean) / deviation) ** 2).sum() / 2
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(loss)
    log_tau, b, log_a = x.detach().T
    trust = {m: torch.sigmoid(log_a[k].exp() * z[m] + b[k]) * graphs.presence(m) for k, m in enumerate(modalities)}
    return log_tau.exp(), trust


def standing(features: dict[str, Tensor], graphs: GraphPair) -> dict[str, Tensor]:
    """z, float ``[N]`` per modality: best match of every feature in the other graph, against mean and spread of its own graph; missing ones 0."""
    out = {}
    for m, x in features.items():
        out[m] = x.new_zeros(len(x))
        rows = [side.nonzero().ravel() + k * graphs.n_left for k, side in enumerate(graphs.side(m))]
        for mine, alpha in zip(rows, best_match(x[rows[0]], x[rows[1]]), strict=True):
            if len(alpha) > 1:
                out[m][mine] = (alpha - alpha.mean()) / alpha.std().clamp(min=1e-3)
    return out


def frozen(z: Tensor, trust: Tensor) -> Tensor:
    """Features that one would freeze: those of the lower kind, if that is trusted less than half as much as the other; bool ``[n]``.

    There is no threshold to set. What features are like says where the kinds part (:func:`lower_kind`), and trust, which comes
    from the validation pairs, whether the lower one is worthless.

    Args:
        z, trust: float ``[n]``, best matches and w of those who have the feature.
    """
    low = lower_kind(z)
    worth = [(p * trust).sum() / p.sum().clamp(min=1e-9) for p in (low, 1 - low)]
    return (low > 0.5) & (worth[0] < worth[1] / 2)


def lower_kind(z: Tensor, rounds: int = 300) -> Tensor:
    """Probability, float ``[n]``, that a number is of the lower of two kinds, each of which is normally distributed.

    Means, deviations and shares of both kinds are those of the greatest likelihood, found by expectation and maximisation (Dempster,
    Laird and Rubin 1977) from two quantiles on.
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
    return torch.where(x.ravel() < mean[low], 1.0, p[:, low]).where(x.ravel() < mean.max(), 0.0).to(z.dtype)


def _sample(graphs: GraphPair, side: int, seed: int) -> Tensor:
    """int64: a side's entities of the validation pairs, then strangers that no known pair has."""
    start, stop = ((0, graphs.n_left), (graphs.n_left, graphs.num_nodes))[side]
    free = torch.ones(graphs.num_nodes, dtype=torch.bool, device=graphs.valid.device)
    free[torch.cat([graphs.train, graphs.valid]).ravel()] = False
    rows = free[start:stop].nonzero().ravel() + start
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:OTHERS]
    return torch.cat([graphs.valid[:, side], rows[order.to(rows.device)]])
