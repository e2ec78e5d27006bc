"""Data sets by name: ``load("emoji/fr_en")``, ``load("openea/en_fr_v1", root=folder)``."""

from pmf_minimal.datasets.benchmarks import DATASETS, load

__all__ = ["DATASETS", "load"]
