"""Faults with known truth: features that are missing, foreign, swapped or noisy, and the record of which are.

Whether freezing finds the irrelevant features can only be judged where somebody knows which ones they are.
"""

from __future__ import annotations

import copy
import re
import zlib

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair

#: What ``GraphPair.faults`` holds.
WHOLE, MISSING, FOREIGN, SWAPPED, NOISY = range(5)


def named_shares(kind: str, name: str) -> dict[str, float | bool]:
    """Arguments of :func:`corrupt` by name: ``foreign`` is 30 % of the features, ``missing60+hard20`` what it says.

    Args:
        kind: one or more of ``missing``, ``foreign``, ``hard``, ``swapped`` and ``noisy``, each with its percentage or without.
        name: of the data set, for the error.

    Raises:
        DataError: ``kind`` is no such name, has a fault twice, or more than a hundred per cent.
    """
    out: dict[str, float | bool] = {}
    for part in kind.split("+"):
        found = re.fullmatch(r"(missing|foreign|hard|swapped|noisy)(\d{1,3})?", part)
        fault = found and {"hard": "foreign"}.get(found[1], found[1])
        if not found or fault in out:
            raise DataError(
                f"{name}: no such data set; faults are missing, foreign or hard, swapped and noisy, each once at most, joined by + "
                "and with a percentage if it is not 30, such as missing60+foreign30"
            )
        out[fault] = int(found[2] or 30) / 100
        if found[1] == "hard":
            out["hard"] = True
    if sum(out.values()) - out.get("hard", False) > 1 + 1e-9:
        raise DataError(f"{name}: the faults' percentages are more than 100 together")
    return out


def corrupt(
    graphs: GraphPair,
    modality: str,
    *,
    missing: float = 0.0,
    foreign: float = 0.0,
    swapped: float = 0.0,
    noisy: float = 0.0,
    hard: bool = False,
    seed: int = 0,
) -> GraphPair:
    """Spoil one modality of some entities, and write down whose and how.

    Each share is one of the entities that have the feature, of the left and of the right graph separately; nobody
    gets two faults. Which entities it hits depends on the seed and the modality, not on what is known about pairs.

    * **missing**: the feature is gone, a zero row.
    * **foreign**: it shows nothing that the other graph knows. Easy ones are noise: for vectors a random direction, as
      long as the entity's own; for bags of words as many words as its own bag has, drawn from the other words of its
      graph. (Where that vocabulary is small, such a bag may still resemble a real one.) Hard ones are real features of
      other things, ``graphs.outside``: for the emoji, logos. No two entities get the same while there are enough, and
      never two of different graphs.
    * **swapped**: the feature of another swapped entity of the same graph. In itself it is a perfectly good feature.
    * **noisy**: its own feature and as much noise: for vectors half-way between its own and a random direction, as long
      as its own; for bags half of the words are exchanged as above. It still says something, so it counts as relevant.

    A modality is a bag of words if it holds whole numbers only.

    Args:
        graphs: the pair; it stays as it is.
        modality: a key of ``graphs.features``.
        missing, foreign, swapped, noisy: shares in [0, 1], at most 1 together.
        hard: foreign features are real ones instead of noise, scaled to the length of the entity's own.
        seed: decides who gets what.

    Returns:
        A copy that also has, besides the spoilt ``features`` and ``masks``:

        * ``relevant``: modality -> bool ``[N]``, True where a feature is there and the entity's own (noisy or not);
        * ``faults``: modality -> int8 ``[N]``, 0 as it was, 1 missing, 2 foreign, 3 swapped, 4 noisy;
        * ``donor``: modality -> int64 ``[N]``, where a feature comes from: a row of these graphs if swapped, a row of
          ``outside`` if foreign and hard, else -1.

    Raises:
        ValueError: the modality is not there or already spoilt, a share is out of range, or ``hard`` is asked for where
            no real foreign features are known.
    """
    shares = {MISSING: missing, FOREIGN: foreign, SWAPPED: swapped, NOISY: noisy}
    outside = _check_shares(graphs, modality, shares, hard)
    # Not the same entities in every modality, or their faults would go together.
    generator = torch.Generator().manual_seed(seed + zlib.crc32(modality.encode()))
    x, mask, faults, donor = _put_in(graphs, modality, shares, outside, generator)
    spoilt = copy.copy(graphs)
    spoilt.features, spoilt.masks = graphs.features | {modality: x}, graphs.masks | {modality: mask}
    truth = {m: graphs.mask(m) for m in graphs.modalities} | graphs.get("relevant", {})
    spoilt.relevant = truth | {modality: mask & (faults != FOREIGN) & (faults != SWAPPED)}
    spoilt.faults = graphs.get("faults", {}) | {modality: faults}
    spoilt.donor = graphs.get("donor", {}) | {modality: donor}
    return spoilt


def replace_seeds(graphs: GraphPair, share: float, seed: int = 0) -> GraphPair:
    """Wrong seeds: a share of the known pairs swap their right entities.

    Args:
        graphs: the pair, with its split; training and validation pairs alike are hit.
        share: in [0, 1]; two pairs at least, or none.
        seed: decides which.

    Returns:
        A shallow copy with another ``train`` and ``valid``. A pair is wrong if it is not among ``pairs``.

    Raises:
        ValueError: the share is out of range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share}: give a number from 0 to 1")
    known = torch.cat([graphs.train, graphs.valid])
    rows = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))[: round(share * len(known))]
    known[rows, 1] = known[rows.roll(1), 1]
    return graphs.with_split(*known.split([len(graphs.train), len(graphs.valid)]), graphs.test)


def _put_in(
    graphs: GraphPair, modality: str, shares: dict[int, float], outside: Tensor | None, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The spoilt features and who has them, the faults and the donors, as :func:`corrupt` says."""
    x, mask = graphs.features[modality].clone(), graphs.masks[modality].clone()
    faults = torch.zeros(graphs.num_nodes, dtype=torch.int8)
    donor = torch.full((graphs.num_nodes,), -1)
    left, right = (torch.nonzero(side).ravel() for side in graphs.side(modality))
    # Who is hit is drawn first: it depends neither on the size of other shares nor on the kind of noise.
    queues = [has[torch.randperm(len(has), generator=generator)] for has in (left, graphs.n_left + right)]
    halves = [None, None] if outside is None else torch.arange(len(outside)).tensor_split(2)
    whole = graphs.features[modality]
    for hit, side, half in zip(queues, (slice(0, graphs.n_left), slice(graphs.n_left, None)), halves, strict=True):
        n = len(hit)
        for fault, share in shares.items():
            rows, hit = hit.tensor_split([round(share * n)])
            faults[rows] = fault
            if fault == MISSING:
                x[rows], mask[rows] = 0, False
            elif fault == SWAPPED:
                if len(rows) == 1:
                    raise ValueError(f"swapped={share} is one entity of {n}; it takes two to swap")
                # Each takes that of its neighbour in a random ring, so that none keeps its own.
                donor[rows] = rows.roll(1)
                x[rows] = whole[donor[rows]]
            elif fault == FOREIGN and outside is not None:
                donor[rows] = half[torch.randperm(len(half), generator=generator)][torch.arange(len(rows)) % len(half)]
                x[rows] = normalize(outside[donor[rows]]) * x[rows].norm(dim=1, keepdim=True)
            elif len(rows):
                words = torch.nonzero((x[side] != 0).any(dim=0)).ravel()
                x[rows] = _disturb(x[rows], words, 1.0 if fault == FOREIGN else 0.5, generator)
    return x, mask, faults, donor


def _check_shares(graphs: GraphPair, modality: str, shares: dict[int, float], hard: bool) -> Tensor | None:
    """The real foreign features, where they are asked for; errors as :func:`corrupt`."""
    if modality not in graphs.features:
        raise ValueError(f"no features {modality!r} to corrupt; {graphs.name} has {', '.join(graphs.features)}")
    if modality in graphs.get("faults", {}):
        raise ValueError(
            f"{modality} of {graphs.name} is already spoilt; give all shares at once to the graphs as they were"
        )
    if not (all(share >= 0 for share in shares.values()) and sum(shares.values()) <= 1 + 1e-9):
        raise ValueError(
            ", ".join(
                f"{fault}={share}"
                for fault, share in zip(("missing", "foreign", "swapped", "noisy"), shares.values(), strict=True)
            )
            + ": "
            "each share must be at least 0, and all together at most 1"
        )
    outside = graphs.get("outside", {}).get(modality) if hard else None
    width = graphs.features[modality].shape[1]
    if hard and (outside is None or len(outside) < 2 or outside.shape[1] != width):
        found = "has none" if outside is None else f"has {list(outside.shape)}"
        raise ValueError(
            f"hard=True: graphs.outside must hold at least two real features of {width} numbers for {modality} that "
            f"neither graph knows; {graphs.name} {found}"
        )
    return outside


def _disturb(x: Tensor, words: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Features of which a share, 0.5 or 1, is replaced by noise; lengths stay.

    Args:
        x: float ``[n, d]``, no row zero.
        words: int64 ``[v]``, columns that the graph uses.
    """
    if not x.equal(x.round()):
        noise = normalize(torch.randn(x.shape, generator=generator))
        return normalize((1 - amount) * normalize(x) + amount * noise) * x.norm(dim=1, keepdim=True)
    bag = x[:, words]
    # Each row's words: its own first, then the others, both in random order.
    order = (torch.rand(bag.shape, generator=generator) + (bag == 0)).argsort(dim=1)
    own = (bag != 0).sum(dim=1, keepdim=True)
    place = torch.arange(len(words))
    moved = place < (amount * own).ceil()
    to = torch.where(moved, (place + own) % len(words), place)
    counts = torch.where(place < own, bag.gather(1, order), 0)
    bag = torch.zeros_like(bag).scatter_add_(1, order.gather(1, to), counts)
    out = torch.zeros_like(x)
    out[:, words] = bag
    return out
