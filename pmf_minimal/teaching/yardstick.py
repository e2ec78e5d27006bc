"""The yardstick of the book: one configuration against which chapters 2 to 9 change one thing."""

from __future__ import annotations

from pmf_minimal.config import SCALES, PMFConfig

_PLAIN = dict(scoring="off", freezing="off", fusion="none", cross_modality="off", symmetric="separate")

#: The plain model, small and fast: width 48, 25 epochs of one step on all seeds, at a learning rate of 0.005. On the
#: test pairs of emoji/fr_en it has Hits@1 .725 over three runs, with a standard deviation of .008.
BOOK = SCALES["quick"].replace(**_PLAIN, dim=48, epochs=25)


def book(scale: str) -> PMFConfig:
    """The yardstick at a scale of the chapters.

    Args:
        scale: ``quick`` for :data:`BOOK` itself, ``smoke`` for six narrow epochs, ``full`` for the paper's width and
            learning rate with 60 epochs, because a chapter compares many runs with each other and not with the paper.
    """
    if scale == "full":
        return SCALES["full"].replace(**_PLAIN, epochs=60)
    return BOOK if scale == "quick" else BOOK.replace(dim=32, epochs=6)
