"""The state of a run on disk, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
import math
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from torch import Tensor

from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets.escape import one_line, printable
from pmf_minimal.errors import DamagedFile, NotWritable, OtherRun
from pmf_minimal.graphs import GraphPair
from pmf_minimal.runs.code import code_fingerprint, versions
from pmf_minimal.runs.files import is_ours, read_json, read_tensors, write_json, write_tensors
from pmf_minimal.runs.folder import fingerprint
from pmf_minimal.scale.settings import FORMAT, check_format

if TYPE_CHECKING:
    from pmf_minimal.training import Training

#: Beside the model's own, the modules on which the rest of a run depends, with all that they import.
RESULT_MODULES = ("pmf_minimal.training",)

#: Plain values of a ``Training`` that the next epoch depends on, with their types.
VALUES = {
    "epoch": int, "scorings": int, "best_epoch": int, "best_value": (int, float), "stale_validations": int, "history": list,
    "stopped": bool, "status": str, "total_steps": int,
}  # fmt: skip

#: No count is larger: steps, validations.
MOST = 2**53

#: Tensors of its ``Probation``.
ROUNDS = ("train", "candidates", "rounds")


class Keeper:
    """Keeps the state of a run in a folder.

    The folder belongs to one run: its settings, its data, the code and the libraries. Other files in it stay.

    Raises:
        NotWritable: the folder is a file or cannot be written.
    """

    def __init__(self, folder: Path, config: PMFConfig, graphs: GraphPair):
        self.folder, self.path = Path(folder), Path(folder) / "state.json"
        self.run = {"format": FORMAT, "config": json.loads(config.to_json()), "data": fingerprint(graphs)}
        self.run["code"] = {"pmf-minimal": code_fingerprint(config.model, RESULT_MODULES)} | versions()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=self.folder).close()
        except OSError as error:
            raise NotWritable(f"{folder}: no place for checkpoints ({error.strerror}); name another folder") from None

    def write(self, training: Training) -> None:
        """Write the state; a kill at any moment leaves the state before or this one.

        ``state.json`` names the file of tensors that belongs to it, and takes its place in one move when both are written.

        Raises:
            NotWritable: the disk is full, or the folder is gone; the state before is as it was.
        """
        tensors, values = capture(training)
        name = f"state-{training.epoch:06d}.safetensors"
        batch = {"batch_size": training.config.batch_size, "accumulation": training.config.accumulation}
        try:
            write_tensors(self.folder / name, tensors)
            write_json(self.path, self.run | {"tensors": name, "batch": batch, "values": values})
        except OSError as error:
            reason = error.strerror or error
            then = "goes on from the state before" if os.path.exists(self.path) else "starts anew"
            raise NotWritable(
                f"{self.folder}: the state after epoch {training.epoch} cannot be written ({reason}); make room, and the "
                f"same command {then}"
            ) from None
        for old in self.folder.glob("state-??????.safetensors"):
            if old.name != name and is_ours(old):
                old.unlink()

    def resume(self, training_class: type[Training], graphs: GraphPair) -> Training | None:
        """The training at the state that the folder holds, or None if it holds none.

        Raises:
            OtherRun: the state is of other settings, data, code, libraries or another version.
            DamagedFile: it is damaged.
        """
        if not os.path.exists(self.path):
            return None
        state = read_json(self.path)
        check_format(state, self.path)
        for part, what in (("config", "with other settings"), ("data", "on other data"), ("code", "by other code")):
            if state.get(part) != self.run[part]:
                told = _other_versions(state.get(part), self.run[part]) if part == "code" else ""
                raise OtherRun(f"{self.path}: the state of a run {what}{told}; remove the folder or name another one")
        with self._damage():
            config = PMFConfig.from_json(json.dumps(state["config"])).replace(**state["batch"])
            tensors = read_tensors(self.folder / Path(state["tensors"]).name)
        training = training_class(graphs, config)
        with self._damage():
            restore(training, tensors, state["values"])
        return training

    @contextmanager
    def _damage(self):
        """Whatever a damaged file provokes is said in one sentence."""
        try:
            yield
        except Exception as error:
            reason = one_line((str(error).splitlines() or [type(error).__name__])[-1], 200)
            raise DamagedFile(
                f"{self.path}: not readable as the state of a run ({reason}); remove the folder to start anew"
            ) from None


def _other_versions(then: object, now: dict[str, str]) -> str:
    """Which libraries had other versions, in words."""
    then = then if isinstance(then, dict) else {}
    other = [f"{k} {then[k]}, now {v}" for k, v in now.items() if isinstance(then.get(k), str) and then[k] != v]
    return f" ({'; '.join(one_line(text, 80) for text in other if not text.startswith('pmf-minimal'))})".replace(
        " ()", ""
    )


def capture(training: Training) -> tuple[dict[str, Tensor], dict]:
    """Everything that the next epoch depends on, as named tensors and as plain values."""
    tensors = {f"model.{k}": v for k, v in training.model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in training.best.items()}
    for i, moments in training.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{k}": v for k, v in moments.items()}
    tensors |= {f"probation.{k}": getattr(training.probation, k) for k in ROUNDS}
    values = {name: getattr(training, name) for name in VALUES}
    return tensors, values | {"steps": training.schedule.last_epoch, "rates": training.schedule.get_last_lr()}


def restore(training: Training, tensors: dict[str, Tensor], values: dict) -> None:
    """Take a new training to the state that :func:`capture` took.

    Raises:
        ValueError: the values are not such a state.
    """

    def group(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    _check_values(values, training.total_epochs)
    if not all(x.isfinite().all() for x in tensors.values() if x.is_floating_point()):
        raise ValueError("numbers that are not finite")
    for name in VALUES:
        setattr(training, name, values[name])
    training.status = printable(training.status)
    for state in ("best.", "model."):  # both have to fit the model
        training.model.load_state_dict(group(state))
    training.best = {k: v.to(training.graphs.edge_index.device) for k, v in group("best.").items()}
    for name in ROUNDS:
        setattr(training.probation, name, group("probation.")[name].to(training.graphs.edge_index.device))
    for pairs in (training.probation.train, training.probation.candidates):
        if len(pairs) and not 0 <= int(pairs.min()) <= int(pairs.max()) < training.graphs.num_nodes:
            raise ValueError("pairs that do not exist")
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in group("optimiser.").items():
        i, name = key.split(".")
        moments.setdefault(int(i), {})[name] = tensor
    shapes = {i: p.shape for i, p in enumerate(training.parameters)}
    if bool(moments) != bool(shapes) or any(
        x.ndim and x.shape != shapes.get(i) for i, each in moments.items() for x in each.values()
    ):
        raise ValueError("an optimiser of another model")
    training.optimiser.load_state_dict(training.optimiser.state_dict() | {"state": moments})
    training.schedule.last_epoch, training.epoch_fraction = values["steps"], 1.0
    for parameters, rate in zip(training.optimiser.param_groups, values["rates"], strict=True):
        parameters["lr"] = rate
    training.schedule._last_lr = list(values["rates"])


def _check_values(values: dict, total_epochs: int) -> None:
    """ValueError if the plain values are not those of a run of so many epochs."""
    if set(values) != {*VALUES, "steps", "rates"}:
        raise ValueError("other values than a run keeps")
    for name, kind in (VALUES | {"steps": int, "rates": list}).items():
        value = values[name]
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise ValueError(f"{name} is {value!r}")
        if kind is int and not 0 <= value <= MOST:
            raise ValueError(f"{name} is {value}")
    if not values["best_epoch"] <= values["epoch"] <= total_epochs or math.isnan(values["best_value"]):
        raise ValueError(f"epoch {values['epoch']} of {total_epochs}, the best {values['best_epoch']}")
    for row in values["history"]:
        if not isinstance(row, dict) or not isinstance(row.get("epoch"), int):
            raise ValueError("history is not a row for each epoch")
        if not 1 <= row["epoch"] <= total_epochs or not all(isinstance(x, int | float) for x in row.values()):
            raise ValueError("history has something else than numbers")
    if not all(isinstance(rate, int | float) and math.isfinite(rate) for rate in values["rates"]):
        raise ValueError(f"rates is {values['rates']!r}")
