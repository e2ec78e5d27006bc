"""What a long alignment has found so far, on disk, so that the same command goes on after a halt."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from pmf_minimal.errors import DataError
from pmf_minimal.own.graph import Graph
from pmf_minimal.runs.code import modules_fingerprint, versions
from pmf_minimal.runs.files import is_ours, read_tensors, write_tensors

#: The modules by which an alignment comes about, with all that they import.
RESULT_MODULES = ("pmf_minimal.own.matcher", "pmf_minimal.own.modalities", "pmf_minimal.datasets.vision")

#: What a folder of them is called.
NAME = re.compile(r"align-[0-9a-f]{32}\.state")

Arrays = tuple[np.ndarray, ...]


class Stages:
    """Keeps what took long in a folder of its own, until the results are written.

    The folder is called by a hash of graphs, known pairs, settings and code. What belongs to other data, or was computed by other
    code, is therefore never taken up. Each stage is one file, which appears whole or not at all.

    Use it as a context: the folder goes when the block ends well, and stays after an error or a halt.

    Args:
        parent: the folder goes below it; None keeps nothing.
    """

    def __init__(self, parent: Path | None = None):
        self.parent = parent
        self.folder: Path | None = None

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self.sweep()

    def begin(self, graphs: Sequence[Graph], known: np.ndarray, settings: dict) -> None:
        """Take the folder of this alignment; nothing is written yet."""
        if self.parent is not None:
            self.folder = self.parent / f"align-{identity(graphs, known, settings)[:32]}.state"
            if os.path.islink(self.folder):  # who knows where to
                self.folder = None

    def __call__(self, name: str, compute: Callable[[], Arrays], fits: Callable[..., bool]) -> Arrays:
        """The arrays of a stage: those that are kept, or else what ``compute`` gives, which is kept from now on.

        A disk that has no room costs nothing but this help.

        Args:
            name: of the stage, and of its file.
            fits: whether kept arrays can be what it gives; a file that was damaged is computed again.
        """
        if self.folder is None:
            return compute()
        path = self.folder / f"{name}.safetensors"
        with suppress(DataError, OSError, ValueError, TypeError, IndexError):
            if is_ours(path):
                found = read_tensors(path)
                arrays = tuple(found[str(k)].numpy() for k in range(len(found)))
                if fits(*arrays):
                    return arrays
        arrays = compute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_tensors(path, {str(k): torch.from_numpy(np.ascontiguousarray(x)) for k, x in enumerate(arrays)})
        except OSError:
            with suppress(OSError):  # a folder that holds nothing yet
                self.folder.rmdir()
        return arrays

    def kept(self) -> bool:
        """Whether there is anything to go on from."""
        return self.folder is not None and _holds_stages(self.folder)

    def others(self) -> list[Path]:
        """The folders beside it of other alignments, which were halted or still run.

        Which of them nobody takes up again is not to be known: the same command with the same data does. So none is removed here.
        """
        if self.parent is None:
            return []
        found = [path for path in sorted(self.parent.glob("align-*.state")) if NAME.fullmatch(path.name)]
        return [path for path in found if path != self.folder and not os.path.islink(path) and _holds_stages(path)]

    def sweep(self) -> None:
        """Remove what was kept; files of others stay."""
        if self.folder is None:
            return
        with suppress(OSError):
            for path in [*self.folder.glob("*.safetensors")]:
                if is_ours(path):
                    path.unlink()
            for path in self.folder.glob("*.safetensors.part"):  # of a process that was killed while it wrote
                path.unlink()
            self.folder.rmdir()


def _holds_stages(folder: Path) -> bool:
    return any(map(is_ours, folder.glob("*.safetensors")))


def pairs_fit(sizes: Sequence[int]) -> Callable[..., bool]:
    """Whether arrays are pairs of entities of two graphs, int64 ``[P]`` twice, and float64 ``[P]`` probabilities, or none."""

    def fits(i: np.ndarray, j: np.ndarray, p: np.ndarray | None = None) -> bool:
        ends = all(
            x.dtype == np.int64 and x.ndim == 1 and (not len(x) or 0 <= x.min() <= x.max() < n)
            for x, n in zip((i, j), sizes, strict=True)
        )
        chances = p is None or (p.dtype == np.float64 and p.shape == i.shape and bool(((p >= 0) & (p <= 1)).all()))
        return ends and chances and len(i) == len(j)

    return fits


def identity(graphs: Sequence[Graph], known: np.ndarray, settings: dict) -> str:
    """Hash of all that the matches depend on."""
    digest = hashlib.sha256(json.dumps([settings, versions(), modules_fingerprint(*RESULT_MODULES)]).encode())
    for graph in graphs:
        columns = [graph.ids, graph.relations, [f"{len(some)}" for some in graph.names]]
        columns += [[name for some in graph.names for name in some]]
        columns += [graph.values["attribute"], graph.values["value"], graph.said["attribute"]]
        for texts in (*columns, [*graph.images], [*graph.features]):
            _add_texts(digest, texts)
        for numbers in (graph.links, graph.values["entity"].to_numpy(), graph.said["entity"].to_numpy(), known):
            digest.update(f"{numbers.shape}".encode() + np.ascontiguousarray(numbers, np.int64).tobytes())
        for table in graph.features.values():
            _add_texts(digest, map(str, table.index))
            digest.update(f"{table.shape}".encode() + table.to_numpy(np.float32).tobytes())
        for path in graph.images.values():
            with suppress(OSError):  # its reader says what is wrong
                facts = os.stat(path)
                digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _add_texts(digest, texts) -> None:
    """Texts with their lengths, so that no other list of texts reads the same."""
    parts = [str(text).encode("utf-8", "surrogatepass") for text in texts]
    digest.update(np.array([len(parts), *map(len, parts)], np.int64).tobytes() + b"".join(parts))
