"""Progressive modality freezing for multi-modal entity alignment, small enough to read in an evening."""

import os

# OpenMP threads that wait actively take each other's cores: on a busy machine two are then slower than one. It has to
# be said before PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The GPU's matrix products give one result per seed only with a workspace of fixed size.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

__version__ = "0.1.0"
