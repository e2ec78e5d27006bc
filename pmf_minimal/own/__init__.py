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
from pmf_minimal.own.features import read_features
from pmf_minimal.own.frames import from_frames
from pmf_minimal.own.pairs import read_pairs
from pmf_minimal.own.read import read_graph
from pmf_minimal.own.tables import Tables

__all__ = [
    "Tables",
    "from_frames",
    "read_features",
    "read_graph",
    "read_pairs",
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
