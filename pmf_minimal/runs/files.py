"""Files that appear whole or not at all, in folders that are ours."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    Yields:
        The folder to write into, beside the final one. Folders that killed processes left there are removed.

    Raises:
        NotWritable: it exists already, or the disk is full; the message says where what was written is.
    """
    if folder.exists():
        raise NotWritable(f"{folder}: is there already; name another folder or remove it")
    sweep(folder)
    part = folder.with_name(f"{folder.name}.{uuid4().hex[:8]}.part")
    try:
        part.mkdir(parents=True)
        (part / MARK).write_text(str(os.getpid()))
        yield part
        (part / MARK).unlink()
        os.replace(part, folder)
    except OSError as error:
        reason = error.strerror or error
        raise NotWritable(f"{folder}: cannot be written ({reason}); what there is lies in {part}") from None
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def sweep(folder: Path) -> None:
    """Remove the unfinished folders beside ``folder`` whose process no longer lives."""
    for part in folder.parent.glob(f"{folder.name}.????????.part") if folder.parent.is_dir() else ():
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
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, metadata={MARK: "1"})
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
