"""Graphs of your own: read them, align them, know how far to trust the result."""

from pmf_minimal.own.alignment import (
    Alignment,
    bootstrap_pairs,
    describe,
    fingerprint,
    image_projection,
    restore,
    settings,
    split_for_application,
    wilson,
)

__all__ = [
    "Alignment",
    "split_for_application",
    "describe",
    "fingerprint",
    "bootstrap_pairs",
    "restore",
    "settings",
    "image_projection",
    "wilson",
]
