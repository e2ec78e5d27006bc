"""What a command says when it is asked to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pmf_minimal.cli.say import say
from pmf_minimal.runs import halts


@contextmanager
def halting(what_is_left: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command with one sentence and the exit code of their signal, 130 or 143.

    Args:
        what_is_left: called then; says what of the work is kept, and how to go on.
    """
    with halts.raised():
        try:
            yield
        except KeyboardInterrupt as halt:
            say(f"\nHalted: {what_is_left()}", err=True)
            raise SystemExit(128 + getattr(halt, "number", signal.SIGINT)) from None


def state_kept(checkpoint: Path | None) -> str:
    """What is left of a training."""
    if checkpoint is None:
        return "nothing is kept of this run; with --checkpoint FOLDER the same command would go on where it was."
    if os.path.exists(checkpoint / "state.json"):
        return f"the state of the run is in {checkpoint}; give the same command to go on from there."
    return f"the run had no state yet that {checkpoint} could hold; give the same command to start anew."
