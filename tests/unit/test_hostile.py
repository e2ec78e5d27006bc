"""Thousands of damaged files for each reader: refused with a DataError, or read exactly as they say.

Each example is a good file and a few blows at it. What a reader must return is told by a second, slow reader written here
(:func:`cells`), which shares nothing with the package's.
"""

import io
import json
import math
import os
import pickle
import re
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save as save_tensors
from toys import many

from pmf_minimal import errors
from pmf_minimal.datasets import images, lines, text
from pmf_minimal.errors import DataError

PATH = Path("file")
MET = set()  # classes of error that any example reached
RANDOM = {"random": 0, "all": 0}

WORDS = ["Paris", "http://x/Tour_Eiffel", "Île", "東京", "a b", "%C3%A9", "😀"]


def good_line(draw, kind):
    number = lambda: str(draw(st.integers(0, 40)))  # noqa: E731
    word = lambda: draw(st.sampled_from(WORDS)) + str(draw(st.integers(0, 30)))  # noqa: E731
    if kind == "named":
        return f"{number()}\t{word()}"
    if kind == "lists":
        return "\t".join(word() for _ in range(draw(st.integers(1, 4))))
    return "\t".join(number() for _ in range(kind))


def strike(draw, data: bytes, field: bytes, spare: bytes) -> bytes:
    """One blow at a text file."""
    rows = data.split(b"\n")
    i = draw(st.integers(0, max(len(rows) - 2, 0)))
    fields = rows[i].split(field)
    k = draw(st.integers(0, len(fields) - 1))
    RANDOM["all"] += 1
    blow = draw(
        st.sampled_from(
            [
                "drop",
                "add",
                "swap",
                "twice",
                "letters",
                "huge",
                "negative",
                "nul",
                "latin",
                "utf16",
                "cut",
                "empty",
                "blank",
            ]
            + ["space", "windows", "bom", "no end", "nan", "other", "mac", "none", "random"]
        )
    )
    if blow == "random":
        RANDOM["random"] += 1
        at = draw(st.integers(0, len(data)))
        return data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:]
    change = {
        "letters": b"x7", "huge": b"9" * 40, "negative": b"-3", "nul": b"a\0b", "latin": b"Caf\xe9", "nan": b"nan",
        "other": spare, "space": b" " + fields[k], "mac": fields[k] + b"\r",
    }  # fmt: skip
    if blow in change:
        fields[k] = change[blow]
    elif blow == "drop":
        del fields[k]
    elif blow == "add":
        fields.insert(k, spare)
    elif blow == "swap":
        fields.reverse()
    rows[i] = field.join(fields)
    if blow == "twice":
        rows.insert(i, rows[i])
    elif blow == "blank":
        rows.insert(i, b"")
    data = b"\n".join(rows)
    if blow == "utf16":
        return data.decode("utf-8", "replace").encode("utf-16")
    if blow == "cut":
        return data[: draw(st.integers(0, len(data)))]
    return {
        "empty": b"", "windows": data.replace(b"\n", b"\r\n"), "bom": b"\xef\xbb\xbf" + data, "no end": data.rstrip(b"\n"),
    }.get(blow, data)  # fmt: skip


@st.composite
def texts(draw, kind):
    data = "".join(good_line(draw, kind) + "\n" for _ in range(draw(st.integers(1, 5)))).encode()
    for _ in range(draw(st.integers(1, 2))):
        data = strike(draw, data, b"\t", b"5")
    return data


def cells(data: bytes) -> list[list[str]] | None:
    """Fields of all lines, or None where the file as such is no good."""
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    rows = whole.split("\n")
    if rows[-1] == "":
        rows.pop()
    rows = [row[:-1] if row.endswith("\r") else row for row in rows]
    bad = not rows or any("\0" in row or "\r" in row for row in rows) or not data.strip()
    return None if bad else [row.split("\t") for row in rows]


def whole_number(cell: str) -> bool:
    return 0 < len(cell) < 19 and all(c in "0123456789" for c in cell)


def name(cell: str) -> bool:
    return any(c not in " \f\v" for c in cell)


def agree(read, expected):
    """Call the reader: it returns what is expected, or refuses where nothing is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read()
    except DataError as error:
        MET.add(type(error))
        assert type(error) is not DataError and str(error).startswith(str(PATH)), error
        assert expected is None, f"refused though well formed: {error}"
    else:
        assert expected is not None, f"read though damaged: {found}"
        assert found == expected


def from_bytes(data):
    """Bytes as ``lines.content`` hands them on: without mark, not empty."""
    if not data.strip():
        raise errors.EmptyFile(f"{PATH}: the file is empty; get it again")
    return data.removeprefix(b"\xef\xbb\xbf")


@pytest.mark.parametrize("width", [2, 3])  # ill_ent_ids, triples
def test_numbers(width):
    @many
    @given(texts(width))
    def check(data):
        rows = cells(data)
        good = rows and all(len(row) == width and all(map(whole_number, row)) for row in rows)
        expected = [[int(cell) for cell in row] for row in rows] if good else None
        agree(lambda: lines.numbers(from_bytes(data), PATH, width).tolist(), expected)

    check()


@pytest.mark.parametrize("distinct", [True, False])  # ent_ids, rel_ids
def test_named_ids(distinct):
    @many
    @given(texts("named"))
    def check(data):
        rows = cells(data)
        good = rows and all(len(row) == 2 and whole_number(row[0]) and name(row[1]) for row in rows)
        ids, names = zip(*rows, strict=True) if good else ((), ())
        good = good and len(set(map(int, ids))) == len(rows) and (not distinct or len(set(names)) == len(rows))
        expected = ([int(i) for i in ids], list(names)) if good else None

        def read():
            found, labels = lines.named_ids(from_bytes(data), PATH, distinct)
            return found.tolist(), labels

        agree(read, expected)

    check()


@many
@given(texts("lists"))
def test_name_lists(data):
    rows = cells(data)
    agree(
        lambda: lines.name_lists(from_bytes(data), PATH), rows if rows and all(name(row[0]) for row in rows) else None
    )


@st.composite
def name_files(draw):
    """A list of [id, [word, …]] as JSON, and blows at the list or at the text."""
    table = [
        [i, draw(st.lists(st.sampled_from(["Paris", "de", "Ü", "b"]), max_size=3))]
        for i in range(draw(st.integers(1, 4)))
    ]
    RANDOM["all"] += 1
    odd = st.sampled_from([None, True, 1.5, "0", -1, 10**30, float("nan"), [], {}, "Caf\ud800", [["a"]], ["a", 1]])
    blow = draw(
        st.sampled_from(["id", "words", "entry", "twice", "drop", "add", "table", "cut", "encoding", "none", "random"])
    )
    i = draw(st.integers(0, len(table) - 1))
    if blow == "id":
        table[i][0] = draw(odd)
    elif blow == "words":
        table[i][1] = draw(odd)
    elif blow == "entry":
        table[i] = draw(odd)
    elif blow == "twice":
        table.append(list(table[i]))
    elif blow == "drop":
        table[i].pop()
    elif blow == "add":
        table[i].append(draw(odd))
    data = json.dumps({"names": table} if blow == "table" else table, ensure_ascii=draw(st.booleans())).encode(
        "utf-8", "surrogatepass"
    )
    if blow == "cut":
        return data[: draw(st.integers(0, len(data) - 1))]
    if blow == "encoding":
        return data.decode("utf-8", "replace").encode(draw(st.sampled_from(["utf-16", "latin-1"])), "replace")
    if blow == "random":
        RANDOM["random"] += 1
        at = draw(st.integers(0, len(data)))
        return data[:at] + draw(st.binary(min_size=1, max_size=3)) + data[at:]
    return data


@many
@given(name_files())
def test_names(data):
    try:
        table = json.loads(data.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except ValueError:
        table = None
    entry = lambda e: (  # noqa: E731
        type(e) is list
        and len(e) == 2
        and type(e[0]) is int
        and type(e[1]) is list
        and all(type(w) is str for w in e[1])
    )
    good = type(table) is list and all(map(entry, table)) and len({e[0] for e in table}) == len(table)
    expected = {i: [w.lower() for w in words] for i, words in table} if good else None
    agree(lambda: text.parse_names(from_bytes(data), PATH), expected)


@st.composite
def vector_files(draw):
    value = lambda: f"{draw(st.integers(-99, 99)) / 10}"  # noqa: E731
    width = draw(st.integers(1, 3))
    chosen = draw(st.lists(st.sampled_from(["paris", "tour", "the", "île"]), min_size=1, max_size=4, unique=True))
    data = "".join(" ".join([word, *(value() for _ in range(width))]) + "\n" for word in chosen).encode()
    for _ in range(draw(st.integers(1, 2))):
        data = strike(draw, data, b" ", draw(st.sampled_from([b"5", b"1e3", b"1e99", b"inf", b"1_0", b"0x1", b""])))
    return data


@many
@given(vector_files())
def test_word_vectors(data):
    wanted = {"paris", "tour", "île"}
    number = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
    expected, good = {}, True
    try:
        whole = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        whole, good = "", False
    for line in whole.split("\n"):
        word, *values = line.rstrip(" \r").split(" ")
        if word in wanted:
            good = good and word not in expected and all(number.fullmatch(v) for v in values) and bool(values)
            expected[word] = [float(v) for v in values] if good else []
            good = good and all(abs(v) < 3e38 for v in expected[word])
    good = good and expected and len({len(v) for v in expected.values()}) == 1
    read = lambda: {w: v.tolist() for w, v in text.parse_vectors(io.BytesIO(data), PATH, wanted).items()}  # noqa: E731
    agree(read, {w: np.float32(v).tolist() for w, v in expected.items()} if good else None)


@st.composite
def feature_files(draw, ending):
    """(bytes, what a right reader returns): a file of features with at most one blow, at what is written or at the bytes."""
    n, d = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    ids = np.array(draw(st.permutations(range(n)))) if ending != "npy" else np.arange(n)
    dtype = draw(st.sampled_from(["<f4", "<f8", "<f2", "<i4"] + ([">f4"] if ending != "safetensors" else [])))
    table = draw(st.lists(st.integers(-50, 50), min_size=n * d, max_size=n * d))
    x = np.array(table).reshape(n, d).astype(dtype)
    RANDOM["all"] += 1
    kinds = [
        "none",
        "nan",
        "twice",
        "short",
        "object",
        "text",
        "deep",
        "float ids",
        "header",
        "header",
        "cut",
        "more",
        "empty",
    ]
    kinds += ["flip"] + ["widths", "list", "key", "code"] * (ending == "pkl")
    blow = draw(st.sampled_from(kinds))
    good = blow == "none" or (blow in ("float ids", "twice") and ending == "npy") or (blow == "twice" and n == 1)
    if ending == "npy" and blow in ("float ids", "twice"):
        blow = "none"  # it has no ids
    if blow == "nan":
        x = x.astype("f4")
        x[draw(st.integers(0, n - 1)), 0] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    elif blow == "twice":
        ids = np.array(ids)
        ids[-1] = ids[0]
    elif blow == "short":
        ids = np.append(ids, n) if ending in ("npz", "safetensors") else ids
        good = ending in ("npy", "pkl")
    elif blow == "object":
        x, good = (x.astype(object), False) if ending != "safetensors" else (x, True)
    elif blow == "text":
        x, good = (x.astype(str), False) if ending != "safetensors" else (x, True)
    elif blow == "deep":
        x, good = np.stack([x, x], axis=2), False
    elif blow == "float ids":
        ids = ids + 0.5
    data = write(ending, ids, x, blow, draw)
    if blow == "header":
        data, good = lie(draw, data, ending), False
    elif blow == "cut":
        data, good = data[: draw(st.integers(0, len(data) - 1))], False
    elif blow == "more":
        data, good = data + b"\0" * 9, ending == "npz"  # an archive may have anything behind it
    elif blow == "empty":
        data, good = b"", False
    elif blow == "flip":
        RANDOM["random"] += 1
        at = draw(st.integers(0, len(data) - 1))
        data, good = data[:at] + draw(st.binary(min_size=1, max_size=3)) + data[at + 1 :], None
    if blow in ("widths", "list", "key", "code"):
        good = False
    if blow == "twice" and ending == "pkl" and n > 1:
        good = True  # a dict cannot hold a key twice
    expected = dict(zip(ids.tolist(), x.astype("f4").tolist(), strict=False)) if good else None
    return data, expected, good


class Call:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


def write(ending, ids, x, blow, draw):
    file = io.BytesIO()
    if ending == "npz":
        np.savez(file, ids=ids, features=x)
    elif ending == "npy":
        np.save(file, x)
    elif ending == "safetensors":
        return save_tensors({"ids": np.ascontiguousarray(ids), "features": np.ascontiguousarray(x)})
    else:
        key = draw(st.sampled_from([int, np.int64])) if blow != "float ids" else float
        rows = {key(i): row for i, row in zip(ids, x, strict=True)}
        first = next(iter(rows))
        if blow == "deep":
            rows[first] = np.ones((2, 3))
        elif blow == "widths":
            rows[key(99)] = np.ones(x.shape[1] + 1)
        elif blow == "list":
            rows[first] = draw(st.sampled_from([[1.0], 3.0, None, {1: np.ones(2)}, (np.ones(2),)]))
        elif blow == "key":
            rows[draw(st.sampled_from([True if len(x) == 1 else "x", "3", 1.5, (1, (2,)), b"1", None]))] = np.ones(
                x.shape[1]
            )
        elif blow == "code":
            rows[first] = Call(draw(st.sampled_from([os.system, eval, exec, os.remove, bytearray, complex])), "1")
        return pickle.dumps(rows, draw(st.integers(0, 5)))
    return file.getvalue()


def lie(draw, data, ending):
    """The file claims far more numbers than it has, or is cut off where it says how many."""
    if ending == "npy":
        shape = draw(st.sampled_from(["(1000000000000,)", "(1000000, 10000000)", "(-1, 2)", "(2,", "()", "'x'"]))
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data[-8:]
    if ending == "npz":
        return data.replace(b"PK\x05\x06", b"PK\x05\x07", 1)
    if ending == "safetensors":
        return struct.pack("<Q", draw(st.sampled_from([10**12, 2**63, 0, 7]))) + data[8:]
    huge = draw(st.sampled_from([10**12, 2**40, 2**62]))
    return (
        b"\x80\x05}K\x01"
        + draw(
            st.sampled_from(
                [
                    b"\x8e" + struct.pack("<Q", huge),  # BINBYTES8
                    b"\x96" + struct.pack("<Q", huge),  # BYTEARRAY8
                    b"\x95" + struct.pack("<Q", huge) + b"N",  # FRAME
                    b"Nr\xff\xff\xff\x7f0",  # LONG_BINPUT
                    b"\x8b\xff\xff\xff\x7f",  # LONG4
                    b"I" + b"9" * 9000 + b"\n",
                ]
            )
        )
        + b"s."
    )


@pytest.mark.parametrize("ending", ["npz", "npy", "safetensors", "pkl"])
def test_features(ending):
    path = Path(f"file.{ending}")

    @many
    @given(feature_files(ending))
    def check(example):
        data, expected, good = example
        read = lambda: {  # noqa: E731
            i: v.tolist() for i, v in images.parse_features(io.BytesIO(data), len(data), path).items()
        }
        if good is not None:
            return agree(read, expected)
        try:  # bytes were flipped: nothing else than a DataError, and never what no model can use
            found = read()
        except DataError as error:
            MET.add(type(error))
        else:
            assert len({len(v) for v in found.values()}) == 1
            assert all(math.isfinite(n) for v in found.values() for n in v)

    check()


def test_classes_and_random_share():
    """Runs after the others in this file: what they reached, and how many blows were random bytes."""
    if not RANDOM["all"]:
        pytest.skip("only together with the tests above")
    assert {
        errors.EmptyFile, errors.NotUTF8, errors.MalformedLine, errors.DuplicateId, errors.DamagedFile, errors.BadFeatures,
        errors.UnsafePickle,
    } <= MET  # fmt: skip
    assert RANDOM["random"] <= RANDOM["all"] / 5
