"""Graphs of your own: read them, align them, know how far to trust the result."""

from pmf_minimal.own.alignment import Alignment, deal, describe, fingerprint, first_pairs, restore, settings, sketch, wilson

__all__ = ["Alignment", "deal", "describe", "fingerprint", "first_pairs", "restore", "settings", "sketch", "wilson"]
