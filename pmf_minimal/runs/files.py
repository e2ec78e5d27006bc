"""Files that appear whole or not at all, in folders that are ours."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from uuid import uuid4

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from pmf_minimal.errors import DamagedFile, MissingFile, NotWritable

#: The file that marks a folder, or the header that marks a file of tensors, as written by this package.
MARK = ".pmf-minimal"


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that appears under its name only when all of it is written.

    Returns:
        The folder to write into, beside the final one. Folders that killed processes left there are removed.

    Raises:
        NotWritable: it exists already, or the disk is full; the message says where what was written is.
    """
    part = make_part(folder)
    try:
        yield part
        if folder.exists():  # a folder that came meanwhile costs no result
            raise FileExistsError(0, "it is there already")
        (part / MARK).unlink()
        os.replace(part, folder)
    except OSError as error:
        (part / MARK).unlink(missing_ok=True)  # nothing sweeps away what is named here
        reason = error.strerror or error
        raise NotWritable(f"{folder}: cannot be written ({reason}); what there is lies in {part}") from None
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def make_part(folder: Path) -> Path:
    """An empty folder beside the one that is to appear, marked as ours.

    Raises:
        NotWritable: none can be made.
    """
    whole = folder.absolute()
    part = whole.with_name(f"{whole.name}.{uuid4().hex[:8]}.part")
    try:
        sweep(whole)
        part.mkdir(parents=True)
        (part / MARK).write_text(str(os.getpid()))
    except OSError as error:
        reason = error.strerror or error
        raise NotWritable(f"{folder}: no folder can be made there ({reason}); name a new folder") from None
    return part


def check_new(folder: Path) -> None:
    """Tell before the work, not after it, that :func:`new_folder` could not make this one.

    Raises:
        NotWritable: it is there already, or none can be made there.
    """
    try:
        there = folder.exists()
    except OSError:  # a name that is too long, say; what is wrong with it is told below
        there = False
    if there:
        raise NotWritable(f"{folder}: is there already, and no result shall be lost; name a new folder")
    shutil.rmtree(make_part(folder), ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove the unfinished folders beside ``folder`` whose process no longer lives."""
    for part in folder.parent.glob(f"{escape(folder.name)}.????????.part") if folder.parent.is_dir() else ():
        with suppress(OSError, ValueError):
            if not _alive(int((part / MARK).read_text())):
                shutil.rmtree(part, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def move_into_place(part: Path, path: Path) -> None:
    """Put a finished file under its name; a power cut leaves the old one or the new one."""
    with part.open("r+b") as file:  # Windows syncs only what may be written
        os.fsync(file.fileno())
    os.replace(part, path)


def write_json(path: Path, facts: dict) -> None:
    """A JSON file, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(facts), "utf-8")
    move_into_place(part, path)


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """A safetensors file, marked as ours, readable for whom the folder is readable."""
    part = path.with_name(path.name + ".part")
    try:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, metadata={MARK: "1"})
    except SafetensorError as error:  # so it calls a full disk
        raise OSError(str(error)) from None
    mask = os.umask(0)
    os.umask(mask)
    part.chmod(0o666 & ~mask)  # safetensors leaves it to its owner alone
    move_into_place(part, path)


def is_ours(path: Path) -> bool:
    """Whether a file of tensors was written by :func:`write_tensors`."""
    try:
        with safe_open(path, "pt") as file:
            return MARK in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def read_json(path: Path) -> dict:
    """A JSON object.

    Raises:
        MissingFile: there is none.
        DamagedFile: it is something else.
    """
    try:
        facts = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"{path}: is missing; give the folder of a finished run") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFile(f"{path}: not readable ({error}); make the folder again") from None
    if not isinstance(facts, dict):
        raise DamagedFile(f"{path}: not what a run writes; make the folder again")
    return facts


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; errors as for :func:`read_json`."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise MissingFile(f"{path}: is missing; give the folder of a finished run") from None
    except (SafetensorError, OSError) as error:
        raise DamagedFile(f"{path}: not readable ({error}); make the folder again") from None
