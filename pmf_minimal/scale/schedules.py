"""Learning rates (A.4, and row 19 of ``book/released_code.md``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pmf_minimal.training import Training


def learning_rate(step: int, total: int, warmup: float) -> float:
    """Factor on the learning rate: a line up over the first share of the steps, then half a cosine down to 0 (A.4).

    Args:
        step: steps done so far.
        total: steps of the whole run; with too small a number (row 19) the rate passes 0 and rises again.
        warmup: share of them for the way up.
    """
    start = int(warmup * total)
    if step < start:
        return step / start
    return 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, total - start)))


def cosine(training: Training, step: int) -> float:
    """Over the steps that the seeds make; pairs added on the way make more steps than planned, and the end is the end."""
    return learning_rate(min(step, training.total_steps), training.total_steps, training.config.warmup)


def wrong_count(training: Training, step: int) -> float:
    """Over the number of steps as the released code counts it: the rate passes 0 and rises again (row 19)."""
    return learning_rate(step, training.total_steps, training.config.warmup)


def by_epochs(training: Training, step: int) -> float:
    """Over the epochs of each phase, so that it does not end early when pairs are added."""
    epoch = training.epoch
    firsts = [1, *training.phases(), training.total_epochs + 1]
    begun = max([first for first in firsts if first <= epoch], default=1)
    end = min(first for first in firsts if first > max(1, epoch))
    share = (epoch - begun + training.epoch_fraction) / (end - begun) if epoch else 0
    return learning_rate(round(share * 1_000_000), 1_000_000, training.config.warmup)


#: ``PMFConfig.schedule`` -> factor on the learning rate after so many steps of a phase.
SCHEDULES = {"cosine": cosine, "wrong_count": wrong_count, "epochs": by_epochs}
