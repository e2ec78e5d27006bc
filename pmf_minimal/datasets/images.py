"""Image features from files: npz, npy, safetensors, and the field's pickles without their danger."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from safetensors.numpy import load

from pmf_minimal.datasets.archives import SMALL, check_members
from pmf_minimal.datasets.files import MAX_FEATURES, because, open_regular, product
from pmf_minimal.datasets.lines import repeated
from pmf_minimal.datasets.pickles import load_arrays
from pmf_minimal.errors import BadFeatures, DamagedFile, DataError, DuplicateId, EmptyFile

# Numbers for each byte of a file, where many ids may share one array.
MAX_SHARED = 8


def read_features(path: Path) -> dict[int, np.ndarray]:
    """Image features by entity id.

    Args:
        path: ``.npz`` with ``ids [n]`` and ``features [n, d]``; ``.safetensors`` with the same two names;
            ``.npy`` ``[n, d]`` whose row number is the id; ``.pkl`` with a dict from id to vector.

    Returns:
        id -> float32 ``[d]``, all of one width, all finite.

    Raises:
        DataError: and always one of its kinds. MissingFile, EmptyFile; DamagedFile: cut off, of another form, or claiming
            more numbers than it has bytes; UnsafePickle: it asks for anything but arrays, dicts and numbers;
            UnsafeArchive: an npz that is no plain archive; DuplicateId; BadFeatures: widths that differ, NaN, infinity.
    """
    with open_regular(path, MAX_FEATURES, "check the path of the image features") as (file, size):
        return parse_features(file, size, path)


def parse_features(file: BinaryIO, size: int, path: Path) -> dict[int, np.ndarray]:
    """The same for an opened file of so many bytes; the path's ending tells its form."""
    readers = {".npz": _npz, ".npy": _rows, ".safetensors": _safetensors, ".pkl": load_arrays}
    if path.suffix not in readers:
        raise DamagedFile(f"{path}: unknown ending {path.suffix!r}; known are {', '.join(readers)}")
    if not size:
        raise EmptyFile(f"{path}: the file is empty; get it again")
    try:
        table = readers[path.suffix](file, size)
        # A pickle may name one array under many ids: it is converted once.
        distinct = {id(v): v for v in table.values()}
        converted = {key: _vector(v) for key, v in distinct.items()}
        vectors = {i: converted[id(v)] for i, v in table.items()}
    except DataError as error:  # one of the kinds, still without the file's name
        mend = (
            "drop one of the two" if isinstance(error, DuplicateId) else "do not use it, get the file from its authors"
        )
        raise type(error)(f"{path}: {error}; {mend}") from None
    except Exception as error:  # whatever a hostile file provokes is the file's fault
        raise DamagedFile(f"{path}: not readable as image features ({because(error)}); get the file again") from None
    if sum(len(v) for v in vectors.values()) > MAX_SHARED * size + SMALL:
        raise DamagedFile(f"{path}: its vectors have far more numbers than it has bytes; get the file again")
    widths = {len(v) for v in vectors.values()}
    if len(widths) != 1 or 0 in widths:
        raise BadFeatures(f"{path}: vectors of {sorted(widths)[:4]} numbers; all must have the same width, 1 or more")
    finite = {key: bool(np.isfinite(v).all()) for key, v in converted.items()}
    bad = next((i for i, v in table.items() if not finite[id(v)]), None)
    if bad is not None:
        raise BadFeatures(f"{path}: the vector of id {bad} holds NaN or infinity; drop it or compute it again")
    return vectors


def _vector(array: np.ndarray) -> np.ndarray:
    """float32 ``[d]`` of an array with one axis that counts."""
    if array.ndim == 0 or sum(n != 1 for n in array.shape) > 1:
        raise ValueError(f"an array of shape {array.shape} instead of a vector")
    with np.errstate(over="ignore"):  # becomes infinity, which is refused
        return array.ravel().astype(np.float32, copy=False)


def _table(ids: Iterable[int], features: np.ndarray) -> dict[int, np.ndarray]:
    if features.ndim != 2 or len(ids) != len(features):
        raise ValueError(f"{len(ids)} ids, features of shape {features.shape}")
    again = repeated(ids)
    if again is not None:
        raise DuplicateId(f"id {ids[again]} for the second time")
    return dict(zip(ids, features, strict=True))


def npz_arrays(file: BinaryIO, size: int) -> tuple[np.ndarray, np.ndarray]:
    """``ids`` and ``features`` of an npz file of so many bytes, of whatever types; any exception is the file's fault."""
    with zipfile.ZipFile(file) as archive:
        check_members(archive, size)
        arrays = []
        for name in ("ids.npy", "features.npy"):
            with archive.open(name) as member:
                arrays.append(npy_array(member, archive.getinfo(name).file_size))
    return arrays[0], arrays[1]


def _npz(file: BinaryIO, size: int) -> dict[int, np.ndarray]:
    ids, features = npz_arrays(file, size)
    return _table(_whole(ids), _numbers(features))


def _rows(file: BinaryIO, size: int) -> dict[int, np.ndarray]:
    features = _numbers(npy_array(file, size))
    return _table(range(len(features) if features.ndim else 0), features)


def _safetensors(file: BinaryIO, size: int) -> dict[int, np.ndarray]:
    arrays = load(file.read())
    return _table(_whole(arrays["ids"]), _numbers(arrays["features"]))


def npy_array(file: BinaryIO, size: int) -> np.ndarray:
    """The array of an npy file of so many bytes; any exception is the file's fault. What its header claims is compared with them before memory is reserved."""
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    shape, fortran, dtype = read_header(file)
    data = file.read(size)
    count = product(shape, size)
    if dtype.hasobject or count is None or count * dtype.itemsize != len(data):
        raise ValueError(f"it claims an array {str(shape[:8])[:60]} of {dtype} and has {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"an array of {array.dtype} instead of numbers")
    return array


def _whole(ids: np.ndarray) -> list[int]:
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(f"ids of shape {ids.shape} and type {ids.dtype} instead of whole numbers")
    return ids.tolist()
