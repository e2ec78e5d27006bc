"""Parts of a long computation on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError

#: Like ``map`` of one iterable: the results of a function for all parts, in their order.
Spread = Callable[[Callable, Iterable], Iterator]


#: What the message on one that is none says.
EXAMPLE = "an address looks like tcp://192.168.0.5:8786"


def check_address(address: str | None) -> None:
    """DataError if the address of a scheduler is empty or has blanks; None is none, and no fault."""
    if address is not None and (not address or any(map(str.isspace, address))):
        raise DataError(f"dask={address!r}: no address of a Dask scheduler; {EXAMPLE}")


@contextmanager
def connected(address: str | None) -> Iterator:
    """A client of the scheduler that answers there; None without an address.

    Raises:
        DataError: it is no address, or no scheduler answers. MissingExtra: Dask is not installed.
    """
    check_address(address)
    if address is None:
        yield None
        return
    with extra("dask"):
        from distributed import Client
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise DataError(f"dask={address}: no scheduler answers there ({error}); {EXAMPLE}") from None
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
