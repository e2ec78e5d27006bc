"""The one way in which commands print: what comes from files is harmless on a terminal, and fits into whatever encoding it has."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

import click

from pmf_minimal.datasets.escape import one_line, printable


class InputError(click.ClickException):
    """Something in the user's hands is wrong: one sentence in one line, exit code 2."""

    exit_code = 2

    def __init__(self, message: str):
        super().__init__(one_line(message))  # it may quote a file that anyone has written


def say(text: str = "", err: bool = False) -> None:
    """Print lines. Control characters are written as escapes, and so are characters that the output cannot hold.

    Raises:
        InputError: there is no room for the output.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    harmless = "\n".join(map(printable, text.split("\n")))
    try:
        click.echo(harmless.encode(encoding, "backslashreplace").decode(encoding), err=err)
    except OSError as error:
        if error.errno == errno.EPIPE:  # nobody reads on; click ends the command in silence
            raise
        raise no_room(error, stream) from None


def no_room(error: OSError, stream) -> InputError:
    """What is said where an output cannot be written; nothing more goes to the stream."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or Python would try once more at its end
    return InputError(f"the output cannot be written ({error.strerror}); make room")


def open_streams() -> None:
    """Give a command that was started without output or error output some that go nowhere: files would take their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 (as long as the process)
