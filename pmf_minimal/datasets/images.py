"""Image features from files: npz, npy, safetensors, and the field's pickles without their danger."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from pmf_minimal.graphs import DataError

# All that a pickled dict of NumPy arrays needs, under the names that NumPy 1 and 2 give it.
_ADMITTED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds arrays, dicts and numbers; a pickle that names anything else is refused before it runs."""

    def find_class(self, module, name):
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")
        return super().find_class(module, name)


def read_features(path: Path) -> dict[int, np.ndarray]:
    """Image features by entity id.

    Args:
        path: ``.npz`` with ``ids [n]`` and ``features [n, d]``; ``.safetensors`` with the same two names;
            ``.npy`` ``[n, d]`` whose row number is the id; ``.pkl`` with a dict from id to vector.

    Returns:
        id -> float32 ``[d]``, all of one width, all finite.

    Raises:
        DataError: the file is missing, damaged, of another form, or asks to run code.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file of image features; check the path given with --images")
    try:
        table = _parse(path)
        if not isinstance(table, dict):
            raise ValueError(f"it holds a {type(table).__name__} instead of a dict from id to vector")
        vectors = {int(i): np.asarray(v, dtype=np.float32).ravel() for i, v in table.items()}
    except Exception as error:  # whatever a hostile file provokes is the file's fault
        raise DataError(f"{path}: not readable as image features ({error}); get the file again") from None
    widths = {len(v) for v in vectors.values()}
    if len(widths) != 1:
        raise DataError(f"{path}: vectors of {sorted(widths)[:4]} numbers; all must have the same width")
    bad = next((i for i, v in vectors.items() if not np.isfinite(v).all()), None)
    if bad is not None:
        raise DataError(f"{path}: the vector of id {bad} holds NaN or infinity; drop it or compute it again")
    return vectors


def _parse(path: Path) -> dict:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as data:
            ids, features = data["ids"], data["features"]
    elif path.suffix == ".safetensors":
        data = load_file(path)
        ids, features = data["ids"], data["features"]
    elif path.suffix == ".npy":
        features = np.load(path, allow_pickle=False)
        ids = range(len(features))
    elif path.suffix == ".pkl":
        return _ArrayUnpickler(io.BytesIO(path.read_bytes())).load()
    else:
        raise ValueError(f"unknown ending {path.suffix!r}; known are .npz, .npy, .safetensors and .pkl")
    if len(ids) != len(features):
        raise ValueError(f"{len(ids)} ids, {len(features)} vectors")
    return dict(zip(ids, features, strict=True))
