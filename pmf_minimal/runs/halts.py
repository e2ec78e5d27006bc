"""Halts from outside: Ctrl-C (SIGINT), and the signal by which a system asks a process to end (SIGTERM)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Halted(KeyboardInterrupt):
    """The process was asked to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def raised() -> Iterator[None]:
    """Both signals raise :class:`Halted` wherever the process is."""

    def halt(number, frame):
        raise Halted(number)

    with _handled_by(halt):
        yield


@contextmanager
def noted(say: Callable[[], None]) -> Iterator[list[int]]:
    """The first signal is only noted, so that what is being computed can be finished and written; a second one raises.

    Args:
        say: called when it is noted.

    Returns:
        The list that holds the number of the signal.
    """
    numbers: list[int] = []

    def note(number, frame):
        if numbers:
            raise Halted(number)
        numbers.append(number)
        say()

    with _handled_by(note):
        yield numbers


@contextmanager
def _handled_by(handler: Callable) -> Iterator[None]:
    """A handler of both signals; a thread cannot have one, so there nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
