"""Features of your own, from ``.npz`` and ``.npy`` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal.datasets import lines
from pmf_minimal.datasets.escape import printable
from pmf_minimal.datasets.files import MAX_FEATURES, because, open_regular
from pmf_minimal.datasets.images import npy_array, npz_arrays
from pmf_minimal.errors import BadFeatures, DamagedFile, DuplicateId, UnsafeArchive


def read_features(path: Path) -> pd.DataFrame:
    """Features of your own, for instance embeddings of texts.

    Args:
        path: ``.npz`` with ``ids``, n strings, and ``features``, numbers ``[n, d]``, written with
            ``np.savez(path, ids=np.array(ids), features=x)``; or ``.npy`` ``[n, d]``, beside which a ``.txt`` file of the same
            name lists the entities, one a line, in the order of the rows.

    Returns:
        float32 ``[n, d]`` with the entities as index.

    Raises:
        DataError: and always one of its kinds. MissingFile, EmptyFile; DamagedFile: no such file of arrays, or one that
            claims more than it holds; UnsafeArchive; NotUTF8; BadFeatures: other shapes or types, NaN, infinity; DuplicateId.
    """
    ids, x = _arrays(path)
    if ids.ndim != 1 or x.ndim != 2 or len(ids) != len(x) or x.dtype.kind not in "fiu" or ids.dtype.kind not in "Uiu":
        raise BadFeatures(
            f"{path}: ids {list(ids.shape)} of {ids.dtype}, features {list(x.shape)} of {x.dtype}; give as many strings as "
            "rows of numbers"
        )
    with np.errstate(over="ignore"):  # becomes infinity, which is refused
        x = x.astype(np.float32)
    names = [str(i).strip() for i in ids]
    strange = next((k for k, name in enumerate(names) if printable(name) != name), None)
    if strange is not None:
        raise BadFeatures(
            f"{path}: the id of row {strange} is {printable(names[strange])[:60]}, which is no text; change it"
        )
    again = lines.repeated(names)
    if again is not None:
        raise DuplicateId(f"{path}: row {again} is {names[again]} for the second time; drop one of the two")
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise BadFeatures(f"{path}: row {bad.argmax()} holds NaN or infinity; drop it or compute it again")
    return pd.DataFrame(x, index=names)


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """``ids`` and ``features`` of a file, of whatever shapes and types; errors as :func:`read_features`."""
    with open_regular(path, MAX_FEATURES, "check the path") as (file, size):
        try:
            if path.suffix.lower() != ".npy":
                return npz_arrays(file, size)
            x = npy_array(file, size)
        except (UnsafeArchive, DuplicateId) as error:
            raise type(error)(f"{path}: {error}; do not use it, write it again") from None
        except Exception as error:  # whatever a hostile file provokes is the file's fault
            raise DamagedFile(
                f"{path}: not an array, or no npz with ids and features ({because(error, 100)}); write it again"
            ) from None
    listed = path.with_suffix(".txt")
    rows = lines.decode(lines.content(listed), listed).removesuffix("\n").split("\n")
    return np.array([row.removesuffix("\r") for row in rows]), x
