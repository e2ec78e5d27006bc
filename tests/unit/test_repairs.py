"""Faults between files, repairs, archives, and that every kind of error is met."""

import os
import pickle
import stat
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from toys import FILES, write

from pmf_minimal import errors
from pmf_minimal.datasets import archives, images, layout, text
from pmf_minimal.datasets.assemble import Side, assemble
from pmf_minimal.datasets.benchmarks import read_folder
from pmf_minimal.errors import DataError


def read(folder, **files):
    return read_folder(write(folder, FILES | files), "toy/a_b", 0.3)


@pytest.mark.parametrize(
    ("kind", "files", "says"),
    [
        (errors.EmptyFile, {"triples_2": " \n\n"}, "triples_2: the file is empty; get it again"),
        (errors.MalformedLine, {"triples_1": "2\t0\t0\n\n4\t1\t0\n"}, "triples_1:2: expected 3 numbers"),
        (
            errors.MalformedLine,
            {"ent_ids_1": FILES["ent_ids_1"] + "8\t \n"},
            "ent_ids_1:5: expected a number, a tab and a name",
        ),
        (errors.UnknownId, {"triples_2": "3\t5\t0\n"}, "triples_2:1: id 0 is no entity of this graph"),
        (
            errors.UnknownId,
            {"training_attrs_2": "http://nobody\ta\n"},
            "training_attrs_2: http://nobody and all others are no",
        ),
        (
            errors.DuplicateId,
            {"ent_ids_2": FILES["ent_ids_2"] + "9\thttp://x\n"},
            "ent_ids_2:5: id 9 for the second time",
        ),
        (
            errors.DuplicateId,
            {"ent_ids_2": FILES["ent_ids_2"] + "8\thttp://example/resource/Rome\n"},
            "ent_ids_2:5: name http",
        ),
        (errors.DuplicateId, {"rel_ids": "0\ta\n0\tb\n"}, "rel_ids:2: id 0 for the second time"),
        (errors.SharedIds, {"ent_ids_2": FILES["ent_ids_2"] + "4\tx\n"}, "ent_ids_2: id 4 is also in ent_ids_1"),
    ],
)
def test_faults(tmp_path, kind, files, says):
    with pytest.raises(kind) as error:
        read(tmp_path / "toy", **files)
    assert type(error.value) is kind and str(error.value).startswith(str(tmp_path)) and says in str(error.value)


def test_every_kind_is_met(tmp_path):
    """One fault for each class of error, through the functions that users call."""
    folder = write(tmp_path / "toy")
    bad = {
        "shared": {"ent_ids_2": FILES["ent_ids_1"].replace("fr.", "")},
        "unknown": {"triples_1": "2\t0\t3\n"},
        "line": {"triples_1": "2\t0\n"},
        "duplicate": {"ent_ids_1": FILES["ent_ids_1"] * 2},
        "empty": {"ill_ent_ids": ""},
    }
    tries = [lambda files=files, name=name: read(tmp_path / name, **files) for name, files in bad.items()]
    (tmp_path / "latin.json").write_bytes('[[0, ["Café"]]]'.encode("latin-1"))
    (tmp_path / "cut.json").write_text("[[0, ")
    np.save(tmp_path / "nan.npy", np.array([[np.nan]]))
    (tmp_path / "run.pkl").write_bytes(pickle.dumps(Run()))
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../evil", "x")
    tries += [
        lambda: text.read_names(tmp_path / "latin.json"),
        lambda: text.read_names(tmp_path / "cut.json"),
        lambda: images.read_features(tmp_path / "nan.npy"),
        lambda: images.read_features(tmp_path / "run.pkl"),
        lambda: archives.unpack(tmp_path / "out.zip", tmp_path / "new"),
        lambda: layout.read_parts(folder / "nowhere"),
    ]
    met = set()
    for attempt in tries:
        with pytest.raises(DataError) as error:
            attempt()
        met.add(type(error.value))
        assert str(tmp_path) in str(error.value) and "; " in str(error.value)  # what and where; mend
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DataError)}
    kinds -= {DataError, errors.NotWritable, errors.OtherRun, errors.Diverged}  # of runs, not of what is read
    assert met == kinds and len(kinds) == 11


class Run:
    def __reduce__(self):
        return os.system, ("touch /nonexistent/mark",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_a_command_does_not(tmp_path, protocol):
    mark = tmp_path / "it ran"

    class Touch:
        def __reduce__(self):
            return os.system, (f"touch '{mark}'",)

    path = tmp_path / "images.pkl"
    path.write_bytes(pickle.dumps({0: np.ones(2), 1: Touch()}, protocol))
    with pytest.raises(
        errors.UnsafePickle, match="images.pkl: it asks for posix.system, which is no array; do not use it"
    ):
        images.read_features(path)
    assert not mark.exists()
    pickle.loads(path.read_bytes())
    assert mark.exists()  # the command was a real one


def test_a_pickle_does_not_exhaust_the_machine(tmp_path, memory):
    path = tmp_path / "images.pkl"
    key = b"\x80\x04})" + b"".join(b"\x94h" + bytes([i]) + b"\x86" for i in range(60)) + b"K\x01s."
    # Tuples of twice the tuple before, as a key: to look it up would take for ever. Then one of half a million layers.
    deep = b"\x80\x04}" + b")" + b"\x85" * 500_000 + b"K\x01s."
    shape = (
        b"\x80\x04}K\x01cnumpy._core.numeric\n_frombuffer\n(C\x00cnumpy\ndtype\n(X\x02\x00\x00\x00f4tR)"
        + b"\x85" * 99
        + b"X\x01\x00\x00\x00CtRs."
    )
    huge = [code + struct.pack("<Q", 2**39) for code in (b"\x8e", b"\x96", b"\x8d")]
    with memory(300 * 2**20):
        for data in [key, deep, shape, b"\x80\x04}Nr\xff\xff\xff\x7f.", *(b"\x80\x05" + h for h in huge)]:
            path.write_bytes(data)
            with pytest.raises(errors.DamagedFile):
                images.read_features(path)
        for name, claim in (("a.npy", "(1000000000000,)"), ("b.npy", "(30000, 10000000)")):
            header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {claim}, }}\n".encode()
            (tmp_path / name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
            with pytest.raises(errors.DamagedFile, match="it claims an array"):
                images.read_features(tmp_path / name)


def test_repairs_are_said(tmp_path):
    attributes = FILES["training_attrs_1"] + "http://nobody\tx\nhttp://fr.example/resource/Lyon\t\t\n"
    with pytest.warns(errors.DataWarning) as caught:
        graphs = read(
            tmp_path / "toy",
            training_attrs_1=attributes,
            ill_ent_ids="0\t1\n2\t3\n0\t1\n4\t3\n",
            triples_1="2\t0\t0\n" * 2,
        )
    said = " ".join(str(w.message) for w in caught)
    for words in (
        "1 of 4 lines name entities that no ent_ids file has",
        "2 attributes have no name",
        "1 pairs are listed again; each is used once",
        "0 left and 1 right entities stand in a second pair; all pairs are kept",
    ):
        assert words in said
    assert graphs.pairs.tolist() == [[0, 5], [1, 6], [2, 6]]
    assert (graphs.edge_index[0] < 4).sum() == 2  # a triple twice is two triples
    assert graphs.features["attribute"].shape[1] == 2


def test_no_difference(tmp_path):
    """A byte order mark, Windows line ends, a missing last line end: the same graphs, without remark."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", errors.DataWarning)
        plain = read(tmp_path / "a")
        other = read(
            tmp_path / "b", **{k: "\ufeff" + v.replace("\n", "\r\n").removesuffix("\r\n") for k, v in FILES.items()}
        )
    assert plain.uris == other.uris and torch.equal(plain.edge_index, other.edge_index)
    assert torch.equal(plain.features["attribute"], other.features["attribute"])


@pytest.mark.parametrize(("strange", "works"), [(1, True), (3, False)])
def test_image_features_of_no_entity(tmp_path, strange, works):
    n = 40
    ids = "".join(f"{{}}\thttp://{i}\n" for i in range(n))
    files = {f"ent_ids_{s}": ids.format(*range(s * 100, s * 100 + n)) for s in (1, 2)}
    files |= {f"triples_{s}": f"{s}00\t0\t{s}01\n" for s in (1, 2)} | {"ill_ent_ids": "100\t200\n"}
    np.savez(
        tmp_path / "i.npz", ids=[*range(100, 100 + n), *range(900, 900 + strange)], features=np.ones((n + strange, 2))
    )
    folder = write(tmp_path / "toy", files)
    if works:
        with pytest.warns(errors.DataWarning, match="1 of 41 features are of ids that no entity has"):
            assert read_folder(folder, "toy", 0.3, tmp_path / "i.npz").masks["image"].sum() == n
    else:
        with pytest.raises(errors.UnknownId, match="id 900 belongs to no entity"):
            read_folder(folder, "toy", 0.3, tmp_path / "i.npz")


def zipped(path, members, mode=0o644):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def test_unpack(tmp_path):
    path = zipped(tmp_path / "good.zip", {f"DBP15K/zh_en/{k}": v for k, v in FILES.items()})
    assert archives.unpack(path, tmp_path / "new" / "data") == len(FILES)
    assert (tmp_path / "new/data/DBP15K/zh_en/triples_1").read_text() == FILES["triples_1"]
    with pytest.raises(DataError, match="is there already, and no result shall be lost; name a new folder"):
        archives.unpack(path, tmp_path / "new" / "data")


@pytest.mark.parametrize(
    ("members", "mode", "kind", "says"),
    [
        ({"ok": "1", "../evil": "x"}, 0o644, errors.UnsafeArchive, "'../evil' would be written outside"),
        ({"a/../../evil": "x"}, 0o644, errors.UnsafeArchive, "outside"),
        ({"/evil": "x"}, 0o644, errors.UnsafeArchive, "outside"),
        ({"C:/evil": "x"}, 0o644, errors.UnsafeArchive, "outside"),
        ({"..\\evil": "x"}, 0o644, errors.UnsafeArchive, "outside"),
        ({"link": "/etc/passwd"}, stat.S_IFLNK | 0o777, errors.UnsafeArchive, "is a link"),
        ({"bomb": b"\0" * 20_000_000}, 0o644, errors.UnsafeArchive, "unpacks to 20,000,000"),
    ],
)
def test_unsafe_archives(tmp_path, members, mode, kind, says):
    path = zipped(tmp_path / "a.zip", members, mode)
    with pytest.raises(kind) as error:
        archives.unpack(path, tmp_path / "below" / "new")
    assert str(error.value).startswith(str(path)) and says in str(error.value)
    assert not list((tmp_path / "below").iterdir()) and not (tmp_path / "evil").exists()


def test_damaged_archives(tmp_path):
    good = zipped(tmp_path / "a.zip", {"one": os.urandom(500), "two": os.urandom(500)}).read_bytes()
    at = good.index(b"two") + 100
    (tmp_path / "b.zip").write_bytes(b"")
    with pytest.raises(errors.EmptyFile, match="b.zip: the file is empty"):
        archives.unpack(tmp_path / "b.zip", tmp_path / "below" / "new")
    for data in (b"no zip", good[:-30], good[:at] + b"\0\0\0\0" + good[at + 4 :]):
        (tmp_path / "b.zip").write_bytes(data)
        with pytest.raises(errors.DamagedFile, match="b.zip: cannot be unpacked .*; get the file again"):
            archives.unpack(tmp_path / "b.zip", tmp_path / "below" / "new")
        assert not list((tmp_path / "below").iterdir())  # the member that was whole is gone again, too
    with pytest.raises(errors.MissingFile):
        archives.unpack(tmp_path / "nowhere.zip", tmp_path / "below" / "new")


def test_an_npz_is_an_archive_too(tmp_path):
    zipped(tmp_path / "i.npz", {"../ids.npy": "x"})
    with pytest.raises(errors.UnsafeArchive, match="i.npz: its member '../ids.npy'"):
        images.read_features(tmp_path / "i.npz")


def side(**changes):
    return Side(**({"uris": ["a", "b"], "triples": np.array([[0, 0, 1]])} | changes))


def test_assemble():
    x = np.array([[3.0, 4.0], [0, 0], [np.nan, 1], [0, 1]])
    graphs = assemble(
        "mine", side(), side(attributes=np.array([[0, 1], [0, 1]])), np.empty((0, 2), int), ["r", "unused"],
        {"text": (x, np.array([True, True, False, True]))},
    )  # fmt: skip
    assert (
        graphs.relation_names == ["r"] and graphs.source_ids.tolist() == [0, 1, 2, 3] and graphs.pairs.shape == (0, 2)
    )
    assert graphs.features["attribute"].tolist() == [[0], [0], [1], [0]]
    assert graphs.masks["text"].tolist() == [True, False, False, True]
    assert graphs.features["text"].tolist() == [[3, 4], [0, 0], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"left": side(uris=[], triples=np.empty((0, 3), int))}, errors.EmptyFile),
        ({"left": side(uris=["a", "a"])}, errors.DuplicateId),
        ({"left": side(triples=np.array([[0, 0, 2]]))}, errors.UnknownId),
        ({"left": side(triples=np.array([[0, 1, 1]]))}, errors.UnknownId),
        ({"left": side(triples=np.array([[0.0, 0, 1]]))}, DataError),
        ({"left": side(attributes=np.array([[2, 0]]))}, errors.UnknownId),
        ({"pairs": np.array([[0, -1]])}, errors.UnknownId),
        ({"pairs": np.array([0, 1])}, DataError),
        ({"left": side(ids=np.array([1, 1])), "right": side(ids=np.array([2, 3]))}, errors.DuplicateId),
        ({"left": side(ids=np.array([1, 2])), "right": side(ids=np.array([2, 3]))}, errors.SharedIds),
        ({"left": side(ids=np.array([1])), "right": side(ids=np.array([2, 3]))}, DataError),
        ({"features": {"m": (np.ones((3, 2)), None)}}, errors.BadFeatures),
        ({"features": {"m": (np.full((4, 2), np.inf), None)}}, errors.BadFeatures),
        ({"features": {"m": (np.zeros((4, 2)), None)}}, errors.BadFeatures),
        ({"features": {"m": (np.ones((4, 2)), np.ones(3, bool))}}, errors.BadFeatures),
    ],
)
def test_assemble_refuses(changes, kind):
    parts = {"left": side(), "right": side(), "pairs": np.array([[0, 0]]), "relation_names": ["r"]} | changes
    with pytest.raises(kind) as error:
        assemble("mine", **parts)
    assert type(error.value) is kind and str(error.value).startswith("mine")
