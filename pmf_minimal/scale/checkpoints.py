"""The state of a training on disk: safetensors for numbers in bulk, JSON for the rest, never half of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from pmf_minimal.config import PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.formats import FORMAT, check

_NAMES = "state-{:06d}.safetensors"


def exists(folder: Path) -> bool:
    """Whether the folder holds a state."""
    return (folder / "state.json").is_file()


def write(folder: Path, config: PMFConfig, tensors: dict[str, Tensor], values: dict) -> None:
    """Write a state; a kill at any moment leaves the state before or this one.

    ``state.json`` names the file of tensors that belongs to it, and takes its place in one move when both are written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = _NAMES.format(values["epoch"])
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, folder / (name + ".part"))
    _move_into_place(folder / (name + ".part"), folder / name)
    state = {"format": FORMAT, "tensors": name, "config": json.loads(config.to_json()), "values": values}
    (folder / "state.json.part").write_text(json.dumps(state))
    _move_into_place(folder / "state.json.part", folder / "state.json")
    for old in folder.glob("state-*"):
        if old.name != name:
            old.unlink()


def read(folder: Path, config: PMFConfig) -> tuple[dict[str, Tensor], dict]:
    """Read a state.

    Raises:
        DataError: it is damaged, belongs to another configuration, or is of a newer version of the package.
    """
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text())
        check(state, path)
        tensors = load_file(folder / Path(state["tensors"]).name)
    except DataError:
        raise
    except Exception as error:  # whatever a damaged file provokes
        raise DataError(
            f"{path}: not readable as the state of a training ({error}); remove the folder to start anew"
        ) from None
    if state["config"] != json.loads(config.to_json()):
        raise DataError(f"{path}: the state of a training with other settings; remove the folder or name another one")
    return tensors, state["values"]


def _move_into_place(part: Path, path: Path) -> None:
    with part.open("r+b") as file:  # Windows syncs only what may be written
        os.fsync(file.fileno())
    os.replace(part, path)
