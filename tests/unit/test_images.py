"""Image features from files, hostile ones included."""

import os
import pickle
import subprocess

import numpy as np
import pytest
from safetensors.numpy import save_file

from pmf_minimal.datasets.images import read_features
from pmf_minimal.errors import DataError

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)
IDS = np.arange(3)


def save(path, ids=IDS, features=FEATURES):
    """Write the features in the form that the ending asks for."""
    if path.suffix == ".npz":
        np.savez(path, ids=ids, features=features)
    elif path.suffix == ".safetensors":
        save_file({"ids": np.asarray(ids), "features": np.asarray(features)}, path)
    elif path.suffix == ".npy":
        np.save(path, features)
    else:
        path.write_bytes(pickle.dumps(dict(zip(ids, features, strict=True))))
    return path


@pytest.mark.parametrize("ending", ["npz", "npy", "safetensors", "pkl"])
def test_every_format(tmp_path, ending):
    found = read_features(save(tmp_path / f"images.{ending}"))
    assert list(found) == [0, 1, 2] and all(v.dtype == np.float32 for v in found.values())
    np.testing.assert_array_equal(np.stack(list(found.values())), FEATURES)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol(tmp_path, protocol):
    """The field's files come in all of them; ids as numbers or NumPy numbers, vectors flat or as one row."""
    path = tmp_path / "images.pkl"
    path.write_bytes(pickle.dumps({7: FEATURES[0], np.int64(8): FEATURES[1:2]}, protocol))
    assert {i: v.tolist() for i, v in read_features(path).items()} == {7: [0, 1], 8: [2, 3]}


class Payload:
    """What a hostile file holds: when it is unpickled, a command runs."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, exec, subprocess.check_call])
@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: {0: p}, lambda p: {0: FEATURES[0], 1: [p]}])
def test_no_pickle_runs_a_command(tmp_path, function, wrap):
    mark = tmp_path / "it ran"
    code = f"open({str(mark)!r}, 'w')"
    arguments = {os.system: f"touch '{mark}'", subprocess.check_call: ["touch", str(mark)]}.get(function, code)
    path = tmp_path / "images.pkl"
    path.write_bytes(pickle.dumps(wrap(Payload(function, arguments))))
    with pytest.raises(DataError, match=r"images.pkl: .*it asks for .*, which is no array"):
        read_features(path)
    assert not mark.exists()
    pickle.loads(path.read_bytes())
    assert mark.exists()  # the payload was a real one


def test_no_pickle_hides_in_an_array(tmp_path):
    mark = tmp_path / "it ran"
    bad = np.empty(1, dtype=object)
    bad[0] = Payload(os.system, f"touch '{mark}'")
    np.save(tmp_path / "images.npy", bad, allow_pickle=True)
    np.savez(tmp_path / "images.npz", ids=[0], features=bad)
    for ending in ("npy", "npz"):
        with pytest.raises(DataError, match=f"images.{ending}: not readable"):
            read_features(tmp_path / f"images.{ending}")
    assert not mark.exists()


@pytest.mark.parametrize("ending", ["npz", "npy", "safetensors", "pkl"])
@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"x" * 300])
def test_damaged(tmp_path, ending, damage):
    path = save(tmp_path / f"images.{ending}")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        DataError,
        match=f"images.{ending}: (the file is empty; get it|not readable as image features .*; get the file) again",
    ):
        read_features(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite(tmp_path, value):
    bad = FEATURES.copy()
    bad[1, 0] = value
    with pytest.raises(DataError, match="the vector of id 1 holds NaN or infinity"):
        read_features(save(tmp_path / "images.npz", features=bad))


def test_other_mistakes(tmp_path):
    with pytest.raises(DataError, match="this file is missing.* check the path of the image features"):
        read_features(tmp_path / "nowhere.npz")
    with pytest.raises(DataError, match="vectors of .2, 3. numbers; all must have the same width"):
        read_features(save(tmp_path / "a.pkl", [0, 1], [np.ones(2), np.ones(3)]))
    with pytest.raises(DataError, match=r"2 ids, features of shape \(3, 2\)"):
        read_features(save(tmp_path / "b.npz", IDS[:2]))
    with pytest.raises(DataError, match="a list instead of a dict"):
        (tmp_path / "c.pkl").write_bytes(pickle.dumps([1, 2]))
        read_features(tmp_path / "c.pkl")
    with pytest.raises(DataError, match="unknown ending '.csv'"):
        (tmp_path / "d.csv").write_text("0,1")
        read_features(tmp_path / "d.csv")
    with pytest.raises(DataError, match="no vector|no image|empty|vectors of"):
        read_features(save(tmp_path / "e.pkl", [], []))
