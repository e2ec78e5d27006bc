"""Whether settings make sense, and whether a file is of this version; nothing here needs PyTorch."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path

from pmf_minimal.errors import OtherRun

#: Version of the files that a run leaves; raised when one of them changes its meaning.
FORMAT = 3

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}

#: Largest count, width of a tensor, and rate: beyond them a slip of the keyboard would ask for all memory, or overflow.
_COUNT, _WIDTH, _RATE = 2**31 - 1, 2**16, 10**9
_FROM_ONE = "epochs batch_size accumulation evaluate_every iterative_every csls_k patience probation scoring_start"
_FROM_ZERO = "iterative_epochs scoring_end seed"
_RANGES = dict.fromkeys(_FROM_ONE.split(), (1, _COUNT)) | dict.fromkeys(_FROM_ZERO.split(), (0, _COUNT))
_RANGES |= {"dim": (1, _WIDTH), "fanout": (0, _WIDTH), "csls_rounds": (0, 100)}
_RANGES |= dict.fromkeys(("weight_decay", "lr", "threshold_factor"), (0, _RATE))
_RANGES |= dict.fromkeys(("train_share", "valid_share", "warmup"), (0, 1))
_RANGES |= dict.fromkeys(("threshold_start", "threshold_max"), (-1, 1))
_RANGES |= {"temperature": (0.025, math.inf), "clip": (1e-9, math.inf)}


def check_settings(config, choices: dict) -> None:
    """Refuse values that their field does not have.

    Args:
        config: a ``config.PMFConfig``.
        choices: field -> the words that it can be.

    Raises:
        ValueError: the message names the field and what it can be.
    """
    for f in fields(config):
        value, kind = getattr(config, f.name), type(f.default)
        if kind in _KINDS and not _fits(value, kind):
            raise ValueError(f"{f.name}={short(value)}: give {_KINDS[kind]}, such as {json.dumps(f.default)}")
    for name, (least, most) in _RANGES.items():
        value = getattr(config, name)
        if value is not None and not (_fits(value, float) and least <= value <= most):
            span = f"at least {least}" if most == math.inf else f"between {least} and {most}"
            raise ValueError(f"{name}={short(value)}: must be {span}")
    for name, known in choices.items():
        if getattr(config, name) not in known:
            raise ValueError(f"{name}={short(getattr(config, name))}: choose one of {', '.join(map(str, known))}")
    _check_modalities(config)


def _check_modalities(config) -> None:
    for name in ("modalities", "threshold_grows"):
        value = getattr(config, name)
        names = isinstance(value, tuple) and all(isinstance(m, str) and m for m in value)
        if not names and not (value is None and name == "threshold_grows"):
            raise ValueError(f'{name}={short(value)}: give a list of names, such as ["structure", "image"]')
    if not isinstance(config.beta, dict) or not all(_fits(b, float) and b >= 0 for b in config.beta.values()):
        raise ValueError(f"beta={short(config.beta)}: give a number of at least 0 for each modality")
    if "joint" in config.modalities:
        raise ValueError(
            f"modalities={short(list(config.modalities))}: joint is what all of them are together; rename yours"
        )
    chosen = set(config.modalities)
    if not chosen or chosen - config.beta.keys() or len(chosen) < len(config.modalities):
        raise ValueError(
            f"modalities={short(list(config.modalities))}: choose among {', '.join(config.beta)}, each once"
        )


def short(value: object) -> str:
    """A value in a message: whatever it is, a line of bounded length."""
    shown = ascii(value)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def _fits(value, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        # A number may be too large to be asked whether it is finite, or to be put into a tensor of float32 or int64.
        return isinstance(value, int | float) and abs(value) <= (3e38 if isinstance(value, float) else 2**63 - 1)
    return isinstance(value, kind)


def check_format(facts: dict, path: Path | str) -> None:
    """Whether this package can read what a file of a run says; a file without a version is of the first.

    Raises:
        OtherRun: it is of a newer or an older version.
    """
    found = facts.get("format", 1)
    if found != FORMAT:
        newer = _fits(found, float) and found > FORMAT
        remedy = "install a newer pmf-minimal" if newer else "train again, or use pmf-minimal 0.1"
        raise OtherRun(f"{path}: format {short(found)}, and this version reads format {FORMAT}; {remedy}")
