"""Seeds that are no pairs: how many there are, and which (beyond the paper).

A seed is judged by the other seeds and by given features. The evidence for it is compared with that for the same entities in wrong
company, which can be had in any number: the left entity of one seed with the right entity of another.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from pmf_minimal.beyond.calibration import learn, reliabilities
from pmf_minimal.beyond.evidence import Evidence
from pmf_minimal.beyond.propagation import propagate
from pmf_minimal.fusion import fuse
from pmf_minimal.graphs import GraphPair

#: Width of the propagated features; a judgement needs less than a ranking of thousands.
DIM = 512
#: How often seeds are judged, each time by those that were thought right before.
ROUNDS = 2
#: Seeds by which reliability is learnt, and seeds that are compared with each other.
N_LEARN, N_COMPARED = 300, 1000
#: Below this share nothing is dropped: the estimate is as large where all seeds are right and evidence is weak.
MIN_SHARE = 0.1
#: Fewer seeds are not judged.
MIN_SEEDS = 20


def drop_wrong_seeds(graphs: GraphPair, modalities: tuple[str, ...], seed: int) -> GraphPair:
    """The graphs without the seeds, validation pairs included, that are more probably wrong than right.

    Args:
        graphs: the pair, with its split.
        modalities: given features that count beside the propagated seeds.
        seed: random seed.

    Returns:
        A shallow copy with fewer pairs in ``train`` and ``valid`` (the same if less than ``MIN_SHARE`` are wrong), with ``wrong_share``,
        the estimated share of wrong seeds, ``wrong_left``, that among those that are kept, and ``dropped``, int64 ``[*, 2]``.
    """
    seeds = torch.cat([graphs.train, graphs.valid])
    share, wrong = judge(graphs, seeds, modalities, seed)
    kept = wrong < 0.5
    train, valid = kept.split([len(graphs.train), len(graphs.valid)])
    if share < MIN_SHARE or not train.any():
        kept, train, valid = (torch.ones_like(x) for x in (kept, train, valid))
        wrong = torch.zeros_like(wrong)
    out = graphs.with_split(graphs.train[train], graphs.valid[valid], graphs.test)
    out.wrong_share, out.wrong_left, out.dropped = share, float(wrong[kept].mean()), seeds[~kept]
    return out


@torch.no_grad()
def judge(graphs: GraphPair, seeds: Tensor, modalities: tuple[str, ...], seed: int) -> tuple[float, Tensor]:
    """The share of wrong seeds, and how probably each is wrong.

    Args:
        graphs: the pair.
        seeds: int64 ``[P, 2]``, rows of pairs.
        modalities: given features that count beside the propagated seeds.
        seed: random seed.

    Returns:
        share, in [0, 1]; float ``[P]``. Zeros for fewer than ``MIN_SEEDS`` seeds.
    """
    share, wrong = 0.0, torch.zeros(len(seeds), device=seeds.device)
    if len(seeds) < MIN_SEEDS:
        return share, wrong
    view, generator = copy.copy(graphs), torch.Generator().manual_seed(seed)
    order = torch.randperm(len(seeds), generator=generator).to(seeds.device)
    groups = order.tensor_split(-(-len(order) // N_COMPARED))
    for _ in range(ROUNDS):
        trusted = order[wrong[order] < 0.5]
        if len(trusted) < 2:
            break
        # A seed's own vector does not come back to it, so a wrong pair does not confirm itself.
        x = propagate(graphs, seeds[trusted], dim=DIM, seed=seed, returning=False)
        features = {"neighbours": x} | {m: graphs.features[m] for m in modalities}
        view.masks = graphs.masks | {"neighbours": (x != 0).any(dim=1)}
        z = {m: h.new_zeros(len(h)) for m, h in features.items()}
        split = view.with_split(seeds[trusted[N_LEARN:]], seeds[trusted[:N_LEARN]], graphs.test)
        learnt = learn(features, split, seed, z)
        w = reliabilities(learnt, z, view)
        values = wrong.new_empty(len(seeds))
        for group in groups:
            left, right = (
                fuse({m: h[rows] for m, h in features.items()}, {m: v[rows] for m, v in w.items()})
                for rows in seeds[group].T
            )
            widths = [h.shape[1] for h in features.values()]
            values[group] = p_values(Evidence(left, right, learnt[:, 0].exp(), widths=widths).dense)
        share, wrong = wrong_probability(values)
    return share, wrong


def p_values(scores: Tensor) -> Tensor:
    """How many mispairings have at least the score of a pair: float ``[P]`` in (0, 1], uniform if the pair is a mispairing itself.

    Args:
        scores: float ``[P, P]``, pairs on the diagonal. Its row and its column are what a pair is compared with.
    """
    own, n = scores.diagonal(), len(scores) - 1
    above = (scores > own[:, None]).sum(dim=1) + (scores > own).sum(dim=0)
    # The pair itself is among those of its row and of its column.
    equal = (scores == own[:, None]).sum(dim=1) + (scores == own).sum(dim=0) - 2
    return (above + equal / 2 + 0.5) / (2 * n + 1)


def wrong_probability(values: Tensor) -> tuple[float, Tensor]:
    """Share of wrong pairs by their p-values, and how probably each is wrong.

        share = 2 · (share of p-values above 1/2),   P(wrong | p) = share / f(p)

    Wrong pairs have p-values anywhere, right ones small ones, so above 1/2 nearly all are wrong (Storey, A direct approach to false
    discovery rates, 2002). f is the density of all p-values, the likeliest of those that nowhere rise (Grenander, On the theory of
    mortality measurement, 1956): the slope of the smallest concave curve above their cumulative shares. The quotient is the local false
    discovery rate (Efron et al., Empirical Bayes analysis of a microarray experiment, 2001).

    Args:
        values: float ``[P]`` in (0, 1].

    Returns:
        share, in [0, 1]; float ``[P]`` in [0, 1].
    """
    p = values.double().cpu().numpy()
    share = min(1.0, 2 * float((p > 0.5).mean()))
    x, counts = np.unique(p, return_counts=True)
    x, y = np.append(0.0, x), np.append(0.0, counts.cumsum() / len(p))
    if x[-1] < 1:
        x, y = np.append(x, 1.0), np.append(y, 1.0)
    corners = [0]
    for k in range(1, len(x)):
        while len(corners) > 1:
            a, b = corners[-2:]
            if (y[b] - y[a]) * (x[k] - x[b]) > (y[k] - y[b]) * (x[b] - x[a]):
                break
            corners.pop()
        corners.append(k)
    slope = np.diff(y[corners]) / np.diff(x[corners])
    density = slope[np.searchsorted(x[corners], p) - 1]
    return share, torch.from_numpy(np.minimum(1.0, share / density)).to(values)
