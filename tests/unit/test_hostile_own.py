"""Thousands of damaged files for each reader of graphs of one's own: refused with a DataError, or read exactly as they say."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import many, read_or_refused

from pmf_minimal import errors, own
from pmf_minimal.errors import DataError
from pmf_minimal.own import rdf, tables

MET = set()
RANDOM = {"random": 0, "all": 0}
WORDS = ["Paris", "Île", "東京", "a b", "%C3%A9", "😀", "7"]
KINDS = ["drop", "add", "twice", "nul", "latin", "cut", "empty", "blank", "windows", "bom", "no end", "quote", "space"]
KINDS += ["letters", "none", "random"]


def strike(draw, data, separator):
    """One blow at a text file."""
    RANDOM["all"] += 1
    blow = draw(st.sampled_from(KINDS))
    if blow == "random":
        RANDOM["random"] += 1
        at = draw(st.integers(0, len(data)))
        return data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:]
    rows = data.split(b"\n")
    i = draw(st.integers(0, max(len(rows) - 2, 0)))
    fields = rows[i].split(separator)
    k = draw(st.integers(0, len(fields) - 1))
    field = {
        "nul": b"a\0b",
        "latin": b"Caf\xe9",
        "quote": b'"' + fields[k],
        "space": b" ",
        "empty": b"",
        "letters": b"x<7",
    }
    if blow in field:
        rows[i] = separator.join([*fields[:k], field[blow], *fields[k + 1 :]])
    elif blow == "drop":
        rows[i] = separator.join(fields[:k] + fields[k + 1 :])
    elif blow == "add":
        rows[i] = separator.join([*fields, b"more"])
    elif blow == "twice":
        rows.insert(i, rows[i])
    elif blow == "blank":
        rows.insert(i, b"")
    data = b"\n".join(rows)
    if blow == "cut":
        return data[: draw(st.integers(0, len(data)))]
    return {
        "windows": data.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + data,
        "no end": data.removesuffix(b"\n"),
    }.get(blow, data)


@st.composite
def table_files(draw, separator):
    word = lambda: draw(st.sampled_from(WORDS)) + str(draw(st.integers(0, 9)))  # noqa: E731
    rows = [["head", "relation", "tail"], *([word() for _ in range(3)] for _ in range(draw(st.integers(1, 4))))]
    data = "".join(separator.join(row) + "\n" for row in rows).encode()
    for _ in range(draw(st.integers(0, 2))):
        data = strike(draw, data, separator.encode())
    return data


def plain(data, separator):
    """What a table without quotes says, or None: by splitting alone."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    rows = [line.split(separator) for line in text.replace("\r\n", "\n").split("\n") if line]
    return None if '"' in text or "\r" in text.replace("\r\n", "") else [[c.strip() for c in row] for row in rows]


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_tables(ending, tmp_path):
    path = tmp_path / f"triples.{ending}"
    separator = "," if ending == "csv" else "\t"

    @many
    @given(table_files(separator))
    def run(data):
        path.write_bytes(data)
        rows = plain(data, separator)
        try:
            table = tables.read_table(path, ("head", "relation", "tail"))
        except DataError as error:
            MET.add(type(error))
            assert str(error).startswith(str(path)) and ";" in str(error)
            good = rows and len({len(r) for r in rows}) == 1 and all(all(r[:3]) for r in rows)
            assert not (good and rows[0][:3] == ["head", "relation", "tail"] and b"\0" not in data), error
        else:
            if rows is not None:
                assert [list(table.columns), *table.to_numpy().tolist()] == rows

    run()


GRAPHS = [
    tables.Tables(pd.DataFrame([[f"{side}{i}", "r", f"{side}{i + 1}"] for i in range(5)], columns=list("abc")))
    for side in "lr"
]


@st.composite
def pair_files(draw, form):
    numbers = [(draw(st.integers(0, 5)), draw(st.integers(0, 5))) for _ in range(draw(st.integers(1, 4)))]
    if form == "nt":
        data = "".join(f"<http://l/{i}> <{rdf.SAME}> <http://r/{j}> .\n" for i, j in numbers).encode()
        separator = b" "
    else:
        data = ("left,right\n" * draw(st.booleans()) + "".join(f"l{i},r{j}\n" for i, j in numbers)).encode()
        separator = b","
    for _ in range(draw(st.integers(0, 2))):
        data = strike(draw, data, separator)
    return data


TRIPLE = re.compile(r"<([a-z]+://[a-zA-Z/.0-9#-]+)> <([a-z]+://[a-zA-Z/.0-9#-]+)> <([a-z]+://[a-zA-Z/.0-9#-]+)> \.")


def stated(data):
    """Triples of plain lines of N-Triples; None where there are other lines too."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    if "\r" in text:  # a line end of its own kind, which a reader of RDF takes for a part of the line
        return None
    rows = [line for line in text.split("\n") if line]
    found = [TRIPLE.fullmatch(line) for line in rows]
    return {m.groups() for m in found} if all(found) else None


@pytest.mark.parametrize("form", ["csv", "nt"])
def test_pairs(form, tmp_path):
    path = tmp_path / f"pairs.{form}"

    @many
    @given(pair_files(form))
    def run(data):
        found = read_or_refused(lambda path: own.read_pairs(path, *GRAPHS), path, data)
        if isinstance(found, DataError):
            MET.add(type(found))
            return
        pairs = list(found.itertuples(index=False, name=None))
        if form == "nt":
            expected = stated(data)
            assert expected is None or set(pairs) == {(s, o) for s, p, o in expected if p == rdf.SAME}
        elif (rows := plain(data, ",")) is not None:
            assert pairs in ([tuple(r[:2]) for r in rows], [tuple(r[:2]) for r in rows[1:]])

    run()


@st.composite
def rdf_files(draw):
    data = "".join(
        f"<http://x/{draw(st.integers(0, 9))}> <http://x/p{draw(st.integers(0, 2))}> <http://x/{draw(st.integers(0, 9))}> .\n"
        for _ in range(draw(st.integers(1, 4)))
    ).encode()
    for _ in range(draw(st.integers(0, 2))):
        data = strike(draw, data, b" ")
    return data


@pytest.mark.parametrize("ending", ["nt", "ttl"])
def test_rdf(ending, tmp_path):
    path = tmp_path / f"graph.{ending}"

    @many
    @given(rdf_files())
    def run(data):
        expected, graph = stated(data), read_or_refused(rdf.read, path, data)
        if isinstance(graph, DataError):
            MET.add(type(graph))
            assert not expected, graph
        elif expected is not None:
            assert set(graph.triples.itertuples(index=False, name=None)) == expected

    run()


@st.composite
def feature_files(draw, ending):
    ids = [draw(st.sampled_from(WORDS)) + str(draw(st.integers(0, 30))) for _ in range(draw(st.integers(1, 4)))]
    x = np.array(
        [[draw(st.integers(-9, 9)) for _ in range(2)] for _ in ids], dtype=draw(st.sampled_from(["f4", "f8", "i8"]))
    )
    blow = draw(st.sampled_from(["none", "nan", "cut", "byte", "object", "fewer", "flat", "empty", "twice"]))
    if blow == "nan":
        x = x.astype("f4")
        x[0, 0] = draw(st.sampled_from([np.nan, np.inf]))
    if blow == "object":
        x = x.astype(object)
    if blow == "fewer":
        ids = ids[1:]
    if blow == "flat":
        x = x.ravel()
    if blow == "twice":
        ids, x = [*ids, ids[0]], np.concatenate([x, x[:1]])
    file = io.BytesIO()
    if ending == "npz":
        np.savez(file, ids=np.array(ids, dtype=str), features=x)
    else:
        np.save(file, x)
    data = file.getvalue()
    RANDOM["all"] += 1
    if blow == "cut":
        data = data[: draw(st.integers(0, len(data) - 1))]
    if blow == "byte":
        RANDOM["random"] += 1
        at = draw(st.integers(0, len(data) - 1))
        data = data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]
    return blow, data if blow != "empty" else b"", ids, x


@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_features(ending, tmp_path):
    path = tmp_path / f"text.{ending}"

    @many
    @given(feature_files(ending))
    def run(example):
        blow, data, ids, x = example
        path.write_bytes(data)
        path.with_suffix(".txt").write_text("".join(i + "\n" for i in ids), "utf-8")
        try:
            table = own.read_features(path)
        except DataError as error:
            MET.add(type(error))
            assert str(error).startswith(str(tmp_path)) and ";" in str(error)
            assert blow != "none" or len(set(ids)) < len(ids), error
        else:
            assert blow in ("none", "byte") or (blow == "fewer" and not len(x)), blow
            if blow == "none":
                assert table.index.tolist() == ids and np.array_equal(table.to_numpy(), x.astype("f4"))

    run()


def test_kinds_of_errors_and_share_of_random_bytes():
    """After the others of this file: what they met."""
    expected = {
        errors.EmptyFile,
        errors.NotUTF8,
        errors.MalformedLine,
        errors.DamagedFile,
        errors.BadFeatures,
        errors.DuplicateId,
    }
    if RANDOM["all"]:
        assert expected <= MET, expected - MET
        assert RANDOM["random"] <= RANDOM["all"] / 5
