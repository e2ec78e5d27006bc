"""Libraries that only a part of the package needs, and what to install where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from pmf_minimal.errors import DataError


class MissingExtra(DataError, ImportError):
    """A library that only a part of the package needs is not installed; the message says how to get it."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports that an extra of the package brings; MissingExtra says which where they fail.

    Example:
        >>> with extra("experiments"):
        ...     import yaml
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "pmf_minimal").partition(".")[0]
        if library == "pmf_minimal":
            raise
        raise MissingExtra(f'{library} is not installed; get it with: pip install "pmf-minimal[{name}]"') from None
