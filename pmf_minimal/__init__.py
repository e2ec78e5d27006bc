"""Progressive modality freezing for multi-modal entity alignment, small enough to read in an evening.

>>> import pmf_minimal as pmf
>>> run = pmf.fit(pmf.load("emoji/fr_en"), preset="quick", epochs=2, progress=False)
"""

import os
from importlib import import_module

# Before PyTorch is loaded: OpenMP threads that wait actively take each other's cores, and a GPU's matrix products give one
# result per random seed only with a workspace of fixed size.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

__version__ = "0.2.0"

_HOMES = {
    "pmf_minimal.datasets": "load DATASETS",
    "pmf_minimal.runs.run": "fit load_run Run",
    "pmf_minimal.training": "Training",
    "pmf_minimal.own": "align Alignment",
    "pmf_minimal.config": "PMFConfig PRESETS SCALES",
    "pmf_minimal.graphs": "GraphPair",
    "pmf_minimal.model": "PMF EntityAligner",
    "pmf_minimal.matching": "MATCHERS",
    "pmf_minimal.baselines.registry": "SYSTEMS",
    "pmf_minimal.errors": "DataError",
}
_PLACE = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = ["__version__", *_PLACE]


def __getattr__(name: str):
    """Load a name of the front door when it is asked for: PyTorch takes seconds, and ``--help`` needs none of it."""
    if name not in _PLACE:
        raise AttributeError(f"module 'pmf_minimal' has no attribute {name!r}")
    return getattr(import_module(_PLACE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
