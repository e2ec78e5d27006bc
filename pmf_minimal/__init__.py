"""Progressive modality freezing for multi-modal entity alignment, small enough to read in an evening."""

__version__ = "0.1.0"
