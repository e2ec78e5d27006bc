"""What graphs of your own need before training: pairs to begin with, settings, and a split that keeps none for testing."""

from __future__ import annotations

import torch
from torch import Tensor

from pmf_minimal.baselines.registry import find
from pmf_minimal.config import PRESETS, PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair
from pmf_minimal.scale.block_matching import match
from pmf_minimal.scale.blockwise import Similarities
from pmf_minimal.scale.comparison import comparison_class

NO_EVIDENCE = (
    "graphs of your own are compared by evidence: train with model=pmf and fusion=evidence, as own.settings() has it"
)
#: Known pairs: fewer leave hardly three to validate by.
LEAST = 10


def bootstrap_pairs(graphs: GraphPair, start: str) -> Tensor:
    """Pairs to begin with where none is known; some of them are wrong.

    Args:
        start: ``names``: equal names, letters' case apart, that no other entity of either graph bears; ``images``: pictures
            that are each other's most similar, the more similar half of them.

    Returns:
        int64 ``[P, 2]``, rows.

    Raises:
        DataError: fewer than ``LEAST`` such pairs.
    """
    n = graphs.n_left
    if start == "names":
        sides = [{}, {}]
        for row, name in enumerate(graphs.entity_names):
            if not graphs.uris[row].startswith("_:") and ("named" not in graphs or graphs.named[row]):
                sides[row >= n].setdefault(name.casefold(), []).append(row)
        left, right = sides
        pairs = torch.tensor(
            [(left[k][0], right[k][0]) for k in left if len(left[k]) == len(right.get(k, ())) == 1], dtype=torch.long
        ).reshape(-1, 2)
    else:
        if "image" not in graphs.features:
            raise DataError(f"{graphs.name}: no images to start from; give pairs with --seeds, or --start names")
        rows = graphs.mask("image").nonzero().squeeze(1)
        left, right = rows[rows < n], rows[rows >= n]
        s = Similarities(graphs.features["image"][left], graphs.features["image"][right])
        i, j = match(s, "mutual").T
        sure = s.pairs(i, j).argsort(descending=True, stable=True)[: (len(i) + 1) // 2]
        pairs = torch.stack([left[i], right[j]], dim=1)[sure]
    if len(pairs) < LEAST:
        raise DataError(
            f"{graphs.name}: only {len(pairs)} pairs to start from by {start}; give known ones with --seeds"
        )
    return pairs


def settings(graphs: GraphPair, **changes) -> PMFConfig:
    """The preset ``recommended`` for graphs of your own: all their modalities, more validation pairs.

    Args:
        changes: fields to change; None leaves the field as it is. Iterative learning goes on for half as many epochs as those
            given, unless it is given too.

    Raises:
        DataError: pairs would not be compared by evidence.
        ValueError: a value that its field does not have.
    """
    given = {field: value for field, value in changes.items() if value is not None}
    if "epochs" in given:
        given.setdefault("iterative_epochs", given["epochs"] // 2)
    config = PRESETS["recommended"].with_modalities(graphs.modalities)
    config = config.replace(**{"valid_share": 0.3, "candidates": "all"} | given)
    if not comparison_class(find(config.model).resolve_config(config)).explains:
        raise DataError(NO_EVIDENCE)
    return config


def split_for_application(graphs: GraphPair, seed: int, valid_share: float) -> GraphPair:
    """All known pairs as seeds and validation pairs, in random order; none is left for testing.

    Raises:
        DataError: fewer than ``LEAST`` pairs; a share that leaves fewer than two seeds or one validation pair.
    """
    order = torch.randperm(len(graphs.pairs), generator=torch.Generator().manual_seed(seed))
    kept = len(order) - round(valid_share * len(order))
    if len(order) < LEAST or not 2 <= kept < len(order):
        raise DataError(
            f"{graphs.name}: {len(order)} known pairs do not make seeds and validation pairs; give at least {LEAST}"
        )
    train, valid = (graphs.pairs[i] for i in order.tensor_split([kept]))
    return graphs.with_split(train, valid, graphs.pairs[:0])
