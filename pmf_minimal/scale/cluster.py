"""Parts of a long computation on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError

#: Like ``map`` of one iterable: the results of a function for all parts, in their order.
Spread = Callable[[Callable, Iterable], Iterator]


@contextmanager
def connected(address: str | None) -> Iterator:
    """A client of the scheduler that answers there; None without an address.

    Raises:
        DataError: no scheduler answers. MissingExtra: Dask is not installed.
    """
    if not address:
        yield None
        return
    with extra("dask"):
        from distributed import Client
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise DataError(f"dask={address}: no scheduler answers there ({error})") from None
    with client:
        yield client


@contextmanager
def spreading(address: str | None) -> Iterator[Spread]:
    """``map``, or without a difference in the results the same on the workers of a cluster, which need the package.

    Example:
        >>> with spreading(None) as spread:
        ...     [*spread(abs, [-1, 2])]
        [1, 2]
    """
    with connected(address) as client:
        yield map if client is None else partial(_spread, client)


def _spread(client, function: Callable, parts: Iterable) -> Iterator:
    """The function goes to each worker once, with the arrays that it holds; each part to the worker that computes it."""
    everywhere = client.scatter(function, broadcast=True, hash=False)
    futures = client.map(_call, [*parts], function=everywhere, pure=False)[::-1]
    while futures:  # each result is given up once it is used
        yield futures.pop().result()


def _call(part, function: Callable):
    return function(part)
