"""Data sets by name: ``load("emoji/fr_en")``, ``load("openea/en_fr_v1", root=folder)``."""

__all__ = ["DATASETS", "load"]


def __getattr__(name: str):
    # Imported when it is asked for: the small modules here, which the command line needs at once, do without PyTorch.
    if name in __all__:
        from pmf_minimal.datasets import benchmarks

        return getattr(benchmarks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
