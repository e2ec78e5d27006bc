"""Folders that appear whole or not at all, and places that only one process at a time writes to.

Results are written into a folder beside their own, which takes its name when all of it is there. What a killed process left of such
folders is removed by the next one that writes beside them.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import SoftFileLock, Timeout

from pmf_minimal.errors import NotWritable

#: The file that marks a folder as one of these; it holds process and machine. In a file of tensors the header that says the same.
MARK = ".pmf-minimal"


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that appears under its name only when all of it is written.

    Returns:
        The folder to write into, beside the final one.

    Raises:
        NotWritable: it exists already, or the disk is full; the message says where what was written is.
    """
    part = make_part(folder)
    try:
        yield part
        publish(part, folder)
    except OSError as error:
        with suppress(OSError):  # such as a disk that has become read-only
            (part / MARK).unlink(missing_ok=True)  # nothing sweeps away what is named here
        reason = error.strerror or error
        raise NotWritable(f"{folder}: cannot be written ({reason}); what there is lies in {part}") from None
    except Exception as error:
        (part / MARK).unlink(missing_ok=True)
        if any(part.iterdir()):
            error.add_note(f"What there is of {folder} lies in {part}.")
        else:
            part.rmdir()
        raise
    except BaseException:  # a halt
        shutil.rmtree(part, ignore_errors=True)
        raise


def write_each(*writers: Callable[[], None]) -> None:
    """Call them all, so that one that fails costs nothing of what the others write; then raise the first error."""
    errors = []
    for write in writers:
        try:
            write()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]


def publish(part: Path, folder: Path) -> None:
    """Give a folder that :func:`make_part` made the name that it was made for; FileExistsError if that is taken."""
    if os.path.lexists(folder):  # a folder that came meanwhile costs no result
        raise FileExistsError(0, "it is there already")
    (part / MARK).unlink()
    os.replace(part, folder)


def make_part(folder: Path) -> Path:
    """An empty folder beside the one that is to appear, marked as ours.

    Raises:
        NotWritable: none can be made.
    """
    try:
        whole = folder.absolute()
        part = whole.with_name(f"{whole.name}.{uuid4().hex[:8]}.part")
        sweep(whole.parent)
        part.mkdir(parents=True)
        (part / MARK).write_text(f"{os.getpid()} {socket.gethostname()}", "utf-8")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise NotWritable(f"{folder}: no folder can be made there ({reason}); name a new folder") from None
    return part


def check_new(folder: Path) -> None:
    """Tell before the work, not after it, that :func:`new_folder` could not make this one.

    Raises:
        NotWritable: it is there already, or none can be made there.
    """
    try:
        there = os.path.lexists(folder)
    except (OSError, ValueError):  # what is wrong with such a name is told below
        there = False
    if there:
        raise NotWritable(f"{folder}: is there already, and no result shall be lost; name a new folder")
    shutil.rmtree(make_part(folder), ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove the unfinished folders in ``parent`` whose process, on this machine, no longer lives."""
    for part in parent.glob("*.????????.part") if os.path.isdir(parent) else ():
        with suppress(OSError, ValueError):
            mark = part / MARK
            if os.path.islink(part) or os.path.islink(mark) or not os.path.isfile(mark) or mark.stat().st_size > 1000:
                continue
            process, machine = mark.read_text("utf-8").split(" ", 1)
            if machine == socket.gethostname() and not _alive(int(process)):
                shutil.rmtree(part, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Only one process at a time; what a killed one left behind does not count.

    Args:
        path: the lock file, which holds the number of the process that has it.
        what: what is locked, in words for the message.

    Raises:
        NotWritable: another process is at it, or no file can be made there.
    """
    lock = SoftFileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _is_lock(path):
            raise NotWritable(
                f"{path}: a file of another kind bears the name of the lock of {what}; name another folder"
            )
        lock.acquire(timeout=1)
    except NotWritable:
        raise
    except Timeout:
        raise NotWritable(
            f"{what}: another process writes there ({lock.pid}); wait for its end or name another folder. If no such "
            f"process runs on any machine, remove {path}"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotWritable(f"{what}: no folder to write in ({reason}); name another") from None
    try:
        yield
    finally:
        lock.release()


def _is_lock(path: Path) -> bool:
    """Whether a file is a lock, and not somebody's own: process, machine, and when the process began. One that is not there is none."""
    if not os.path.lexists(path):
        return True
    if os.path.islink(path) or not os.path.isfile(path) or path.stat().st_size > 1000:
        return False
    with suppress(FileNotFoundError):  # released meanwhile
        return re.fullmatch(rb"(\d+\n[^\n]+\n(\d+\n)?)?", path.read_bytes()) is not None
    return True


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """The name of a new folder is kept for this process, before the work whose results shall lie there.

    Raises:
        NotWritable: it is there already, none can be made there, or another process is about to make it.
    """
    check_new(folder)
    whole = folder.absolute()
    with exclusive(whole.with_name(f"{whole.name}.lock"), str(folder)):
        check_new(folder)  # the other process may just have ended
        yield
