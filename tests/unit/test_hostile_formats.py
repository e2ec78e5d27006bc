"""Thousands of damaged files of RDF in its other forms, packed files and records: refused in a sentence, or read as another reader reads them."""

import csv
import gzip
import importlib.util
import io
import json
import re
import zlib
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import many, read_or_refused

from pmf_minimal import errors, own
from pmf_minimal.errors import DataError
from pmf_minimal.own import rdf

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
RDF_XML = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
VALUES = ["Paris", "a b", "東京", "e\u0301", "7", "", " x ", "2001-02-30", "<b>", "\u202eabc", "\U0001f600"]
LANGUAGES = ["", "", "en", "fr-CA"]
NASTY = [
    b"", b" ", b"\n", b"\r", b"\t", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b'"', b"'", b"<", b">", b"<>", b"<a>", b"<x y>", b"_:b",
    b"_:", b"[", b"]", b"(", b")", b"{", b"}", b"<<", b">>", b"@", b"@prefix", b"@base <x> .", b"a", b".", b";", b",", b"^^", b'"1"^^<>',
    b"\\u0000", b"\\ud800", b"\\U00110000", b"&#0;", b"&x;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<?xml version='1.0'?>", b"<![CDATA[x]]>",
    b"null", b"true", b"1e999", b"-0", b"[[[[", b"\"@id\"", b"\"@context\"", b"http://[", b"file:///etc/passwd", b"#", b"\xe2\x80\xa8",
]  # fmt: skip


def hurt(draw, data):
    """One blow at a file: at one of its parts, at a byte, or at its end."""
    parts = re.findall(rb"\s+|\w+|[^\s\w]", data)
    if not parts:
        return draw(st.sampled_from(NASTY))
    i, j = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
    blow = draw(st.sampled_from(["drop", "twice", "swap", "nasty", "insert", "cut", "byte", "deep"]))
    if blow == "drop":
        del parts[i]
    elif blow == "twice":
        parts.insert(i, parts[i])
    elif blow == "swap":
        parts[i], parts[j] = parts[j], parts[i]
    elif blow == "nasty":
        parts[i] = draw(st.sampled_from(NASTY))
    elif blow == "insert":
        parts.insert(i, draw(st.sampled_from(NASTY)))
    elif blow == "deep":
        parts.insert(i, draw(st.sampled_from([b"[", b"(", b"{", b"<a>", b"<<", b'{"a":', b"x" * 200])) * 500)
    elif blow == "byte":
        at = draw(st.integers(0, len(data) - 1))
        return data[:at] + draw(st.binary(min_size=1, max_size=2)) + data[at + 1 :]
    data = b"".join(parts)
    return data[: draw(st.integers(0, len(data)))] if blow == "cut" else data


@st.composite
def statements(draw):
    """Subject, predicate, and either an IRI or a value with its language."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        s, p = f"http://x/{draw(st.integers(0, 4))}", f"http://x/p{draw(st.integers(0, 2))}"
        if draw(st.booleans()):
            found.append((s, p, f"http://x/{draw(st.integers(0, 4))}", None))
        else:
            found.append((s, p, draw(st.sampled_from(VALUES)), draw(st.sampled_from(LANGUAGES))))
    return found


def term(o, language):
    if language is None:
        return f"<{o}>"
    return json.dumps(o, ensure_ascii=False) + (f"@{language}" if language else "")


def write_nquads(draw, facts):
    graph = st.sampled_from(["", " <http://g/1>", " _:g"])
    return "".join(f"<{s}> <{p}> {term(o, lang)}{draw(graph)} .\n" for s, p, o, lang in facts)


def write_trig(draw, facts):
    short = lambda iri: f"x:{iri.removeprefix('http://x/')}"  # noqa: E731
    text = "@prefix x: <http://x/> .\n"
    for s, p, o, lang in facts:
        named = draw(st.sampled_from(["{}", "<http://g/1> {}", "GRAPH x:g {}", "plain"]))
        fact = f"{short(s)} {short(p)} {short(o) if lang is None else term(o, lang)} ."
        text += (fact if named == "plain" else named.replace("{}", "{ " + fact + " }")) + "\n"
    return text


def write_jsonld(draw, facts):
    nodes = []
    for s, p, o, lang in facts:
        value = {"@id": o} if lang is None else {"@value": o} | ({"@language": lang} if lang else {})
        nodes.append({"@id": s, p: draw(st.sampled_from([value, [value]]))})
    return json.dumps(draw(st.sampled_from([nodes, {"@graph": nodes}])), ensure_ascii=False, indent=1)


def write_rdfxml(draw, facts):
    text = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/">\n'
    for s, p, o, lang in facts:
        name = f"x:{p.removeprefix('http://x/')}"
        escaped = o.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        said = f' rdf:resource="{o}"/>' if lang is None else f"{f' xml:lang={chr(34)}{lang}{chr(34)}' * bool(lang)}>"
        said += "" if lang is None else f"{escaped}</{name}>"
        text += f'<rdf:Description rdf:about="{s}"><{name}{said}</rdf:Description>\n'
    return text + "</rdf:RDF>\n"


# --- Other readers: each of a part of its format, and None where a file goes beyond it -------------------------------

IRI, LITERAL = r"<(http://[a-z0-9/]+)>", r'"([^"\\\r\n]*)"(?:@([a-z]{2,8}(?:-[A-Za-z]{2})?))?'
QUAD = re.compile(rf"{IRI} {IRI} (?:{IRI}|{LITERAL})(?: <http://[a-z0-9/]+>| _:g)? \.")
TRIPLE = re.compile(rf"{IRI} {IRI} (?:{IRI}|{LITERAL}) \.")


def text_of(data):
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\r" in text or "\0" in text else text


def fact(s, p, resource, value, language):
    return (s, p, resource, None) if resource is not None else (s, p, value, (language or "").partition("-")[0].lower())


def read_nquads(data):
    text = text_of(data)
    lines = [QUAD.fullmatch(line) for line in text.split("\n") if line] if text is not None else [None]
    return {fact(*line.groups()) for line in lines} if all(lines) else None


def read_ntriples(data):
    """The same of lines of three terms; a line of four is no N-Triples."""
    lines = (text_of(data) or "").split("\n")
    return read_nquads(data) if all(TRIPLE.fullmatch(line) for line in lines if line) else None


NAME = r"x:([a-z0-9]+)"
FACT = re.compile(rf"{NAME} {NAME} (?:{NAME}|{LITERAL}) \.")
BLOCK = re.compile(r"(?:<http://g/1> |GRAPH x:g )?\{ (.*) \}")


def read_trig(data):
    lines = (text_of(data) or "").split("\n")
    if lines[0] != "@prefix x: <http://x/> .":
        return None
    found = set()
    for line in filter(None, lines[1:]):
        inner = BLOCK.fullmatch(line)
        one = FACT.fullmatch(inner[1] if inner else line)
        if one is None:
            return None
        s, p, o, value, language = one.groups()
        found.add(fact(f"http://x/{s}", f"http://x/{p}", o and f"http://x/{o}", value, language))
    return found


def read_jsonld(data):
    def once(pairs):
        if len({k for k, _ in pairs}) < len(pairs):
            raise ValueError
        return dict(pairs)

    iri = re.compile(r"http://[a-z0-9/]+").fullmatch
    found = set()
    try:
        nodes = json.loads(text_of(data) or "", object_pairs_hook=once)
        nodes = nodes["@graph"] if isinstance(nodes, dict) and {*nodes} == {"@graph"} else nodes
        if not isinstance(nodes, list):
            return None
        for node in nodes:
            (s, (p, values)) = node["@id"], next(item for item in node.items() if item[0] != "@id")
            for value in values if isinstance(values, list) else [values]:
                if not (len(node) == 2 and iri(s) and iri(p)):
                    return None
                if {*value} == {"@id"} and iri(value["@id"]):
                    found.add((s, p, value["@id"], None))
                elif {*value} <= {"@value", "@language"} and isinstance(value["@value"], str):
                    language = value.get("@language", "")
                    if "@language" in value and not re.fullmatch(r"[a-z]{2,8}(-[A-Za-z]{2})?", language):
                        return None
                    found.add(fact(s, p, None, value["@value"], language))
                else:
                    return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, StopIteration):
        return None
    return found


#: White space as XML has it; Python strips more.
BLANKS = " \t\r\n"


def read_rdfxml(data):
    iri, found = re.compile(r"http://[a-z0-9/]+").fullmatch, set()
    if text_of(data) is None or b"<!" in data or b"<?" in data:
        return None
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError):
        return None
    if root.tag != f"{RDF_XML}RDF" or root.attrib or (root.text or "").strip(BLANKS):
        return None
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    for node in root:
        if (
            node.tag != f"{RDF_XML}Description"
            or {*node.attrib} != {f"{RDF_XML}about"}
            or (node.tail or "").strip(BLANKS)
        ):
            return None
        if (node.text or "").strip(BLANKS) and len(node) == 0:
            return None
        for said in node:
            s, p = node.attrib[f"{RDF_XML}about"], said.tag
            if (
                not (p.startswith("{http://x/}") and iri(s))
                or len(said)
                or (said.tail or "").strip(BLANKS)
                or node.text
            ):
                return None
            if {*said.attrib} == {f"{RDF_XML}resource"} and not said.text and iri(said.attrib[f"{RDF_XML}resource"]):
                found.add((s, p.replace("{", "").replace("}", ""), said.attrib[f"{RDF_XML}resource"], None))
            elif {*said.attrib} <= {lang} and re.fullmatch("[a-z]{2}(-[A-Z]{2})?|", said.attrib.get(lang, "")):
                found.add(
                    fact(s, p.replace("{", "").replace("}", ""), None, said.text or "", said.attrib.get(lang, ""))
                )
            else:
                return None
    return found


FORMS = {
    "nq": (write_nquads, read_nquads),
    "trig": (write_trig, read_trig),
    "jsonld": (write_jsonld, read_jsonld),
    "rdf": (write_rdfxml, read_rdfxml),
    "nt.gz": (
        lambda draw, facts: "".join(f"<{s}> <{p}> {term(o, lang)} .\n" for s, p, o, lang in facts),
        read_ntriples,
    ),
}


@st.composite
def files(draw, form):
    facts = draw(statements())
    data = FORMS[form][0](draw, facts).encode()
    for _ in range(draw(st.integers(0, 2))):
        data = hurt(draw, data)
    if form.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
        for _ in range(draw(st.integers(0, 1))):
            blow = draw(st.sampled_from(["cut", "byte", "member", "zeros", "garbage", "plain"]))
            at = draw(st.integers(0, len(data) - 1))
            data = {
                "cut": data[:at],
                "byte": data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :],
                "member": data + gzip.compress(b"<http://x/9> <http://x/p> <http://x/8> .\n", mtime=0),
                "zeros": data + b"\0" * 5,
                "garbage": data + b"more",
                "plain": gzip.decompress(data),
            }[blow]
    return data


def unpacked(data):
    """What gzip's members hold, by zlib alone; None where it is not all of them."""
    found = b""
    while data.strip(b"\0"):
        one = zlib.decompressobj(31)
        try:
            found += one.decompress(data)
        except zlib.error:
            return None
        if not one.eof:
            return None
        data = one.unused_data
    return found


def said_by(tables):
    """The facts of a graph that was read; the empty value stands there as a blank."""
    found = {(*row, None) for row in tables.triples.itertuples(index=False, name=None)}
    language = {
        (e, name): lang for lang, labels in tables.labels.items() for e, name in labels.items()
    }  # of labels alone
    assert not language
    return found, {*tables.attributes.itertuples(index=False, name=None)}


ACCEPTED = {form: [0, 0] for form in FORMS}


@pytest.mark.parametrize("form", FORMS)
def test_rdf(form, tmp_path):
    path = tmp_path / f"graph.{form}"

    @many
    @given(files(form))
    def run(data):
        content = unpacked(data) if form.endswith(".gz") else data
        expected = None if content is None else FORMS[form][1](content)
        ACCEPTED[form][0] += expected is not None
        tables = read_or_refused(rdf.read, path, data)
        if isinstance(tables, DataError):
            # Texts that the plain reader takes, and a strict one need not: no fact at all, or a date that is none.
            assert not expected or any("\ufffe" in str(o) or "\uffff" in str(o) for _, _, o, _ in expected), tables
        elif expected is not None:
            ACCEPTED[form][1] += 1
            links, values = said_by(tables)
            assert links == {f for f in expected if f[3] is None}
            assert values == {(s, p, o or " ") for s, p, o, lang in expected if lang is not None}

    run()
    assert ACCEPTED[form][1] > 0, "nothing was ever compared"


@st.composite
def records(draw):
    """A table of records, with the blows that tables come with."""
    comma = draw(st.sampled_from([",", ";", "\t"]))
    cell = lambda: draw(st.sampled_from([*VALUES[:5], "", "x,y", 'a"b', "=1+1", "-", "NaN", "None"]))  # noqa: E731
    heads = draw(
        st.lists(st.sampled_from(["id", "ID", "name", "Title", "price", "uri", "", " "]), min_size=1, max_size=4)
    )
    rows = [heads, *([f"e{k}", *(cell() for _ in heads[1:])] for k in range(draw(st.integers(0, 4))))]
    out = io.StringIO()
    csv.writer(out, delimiter=comma, lineterminator=draw(st.sampled_from(["\n", "\r\n"]))).writerows(rows)
    data = out.getvalue().encode()
    for _ in range(draw(st.integers(0, 2))):
        data = hurt(draw, data)
    return data


def plain_records(data):
    """Attributes of a table without quotes and with one kind of line ends; None where it is another or may be refused."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    if re.search('["\r\0]', text) or not text.strip():
        return None
    first = text.partition("\n")[0]
    comma = "," if "," in first else max(",;\t|", key=first.count)
    rows = [[cell.strip() for cell in line.split(comma)] for line in text.split("\n") if line]
    heads, rows = rows[0], rows[1:]
    folded = [head.casefold() for head in heads]
    if any(folded.count(name) > 1 for name in ("id", "uri")):  # which of them?
        return None
    column = next((folded.index(name) for name in ("id", "uri", "iri", "entity") if name in folded), 0)
    if len({*heads}) < len(heads) or len(heads) < 2 or any(len(row) != len(heads) for row in rows):
        return None
    ids = [row[column] for row in rows]
    if not rows or "" in ids or len({*ids}) < len(ids):
        return None
    return {
        (row[column], head, cell)
        for row in rows
        for k, (head, cell) in enumerate(zip(heads, row, strict=True))
        if k != column and cell
    }


def test_records(tmp_path):
    path, compared = tmp_path / "table.csv", [0]

    @many
    @given(records())
    def run(data):
        expected = plain_records(data)
        tables = read_or_refused(own.read_graph, path, data)
        if isinstance(tables, DataError):
            assert expected is None or "field larger than field limit" in str(tables) and len(data) > 2**17, tables
        elif expected is not None:
            compared[0] += 1
            assert {*tables.attributes.itertuples(index=False, name=None)} == expected

    run()
    assert compared[0] > 0


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="what is said where pyarrow is not here")
def test_parquet_without_its_package(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="needs the package pyarrow; pip install"):
        own.read_graph(tmp_path / "t.parquet")


@pytest.fixture
def parquet(tmp_path):
    """Writes a table as Parquet, and reads it as a graph."""
    arrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def attributes(columns, names=None):
        table = arrow.table(columns, names) if names else arrow.table(columns)
        writer.write_table(table, tmp_path / "t.parquet", compression="zstd")
        return {*own.read_graph(tmp_path / "t.parquet").attributes.itertuples(index=False, name=None)}

    return attributes


def test_parquet_with_the_index_of_pandas(parquet, tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"id": ["a", "b"], "name": ["p", "q"]})
    for named in (table, table.set_index("id"), table.set_axis([5, 7])):
        named.to_parquet(tmp_path / "t.parquet")
        found = own.read_graph(tmp_path / "t.parquet").attributes
        assert found.to_numpy().tolist() == [["a", "name", "p"], ["b", "name", "q"]]


def test_parquet_of_what_is_no_table(parquet):
    assert parquet({"id": ["a", "b"], "x": [1.5, None]}) == {("a", "x", "1.5")}
    for bad, says in (
        ([[1], [2, 3]], "is of list"),
        ([{"k": 1}, None], "is of struct"),
        ([b"x", b"y"], "is of binary"),
    ):
        with pytest.raises(errors.MalformedLine, match=says):
            parquet({"id": ["a", "b"], "x": bad})
    with pytest.raises(errors.MalformedLine, match="two columns are called 'x'"):
        parquet([["a"], ["b"]], ["x", "x"])
    with pytest.raises(errors.EmptyFile):
        parquet({"__index_level_0__": [1, 2]})


def test_parquet_that_unpacks_to_more_than_it_says(parquet):
    """A column of one value takes no room, however long the value and the column."""
    import pyarrow

    def repeated(text, times):
        return pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(times, np.int32)), pyarrow.array([text]))

    assert len(parquet({"id": [str(k) for k in range(1000)], "x": repeated("y", 1000)})) == 1000
    for columns in (
        {"id": repeated("x", 10**7)},
        {"id": [str(k) for k in range(300)], "x": repeated("y" * 500_000, 300)},
    ):
        with pytest.raises(errors.DamagedFile, match="unpacks to far more"):
            parquet(columns)
