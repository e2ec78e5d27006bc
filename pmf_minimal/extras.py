"""Libraries that only a part of the package needs, and which extra of the package brings them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pmf_minimal.errors import DataError


class MissingExtra(DataError, ImportError):
    """A library is not installed; the message says how to get it."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports that an extra of the package brings.

    ::

        with extra("experiments"):
            import yaml

    Args:
        name: the extra, as ``pyproject.toml`` calls it.

    Raises:
        MissingExtra: one of the libraries is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "pmf_minimal":
            raise
        library = error.name.partition(".")[0]
        raise MissingExtra(f'{library} is not installed; get it with: pip install "pmf-minimal[{name}]"') from None
