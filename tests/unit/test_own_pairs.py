"""Known pairs of one's own graphs: each form of file, what is left out and what is refused."""

import itertools
import re
from xml.etree import ElementTree

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from toys import many, read_or_refused

from pmf_minimal import errors, own
from pmf_minimal.errors import DataError
from pmf_minimal.own import oaei, pairs, rdf

N = 12


def graph(side):
    ids = [f"http://{side}/{i}" for i in range(N)]
    return own.Tables(pd.DataFrame([(e, "next", ids[i - 1]) for i, e in enumerate(ids)]))


GRAPHS = graph("l"), graph("r")


def read(path, text, strict=False):
    """Pairs of a file as (left, right) numbers, and the notes."""
    path.write_text(text, "utf-8")
    graphs = own.from_frames(*GRAPHS, own.read_pairs(path, *GRAPHS), strict=strict)
    place = {uri: i for i, uri in enumerate(graphs.uris)}
    number = {row: int(uri.rsplit("/", 1)[1]) for uri, row in place.items()}
    return [(number[a], number[b]) for a, b in graphs.pairs.tolist()], graphs.notes


def alignment(cells, top="", more=""):
    """OAEI's format, as the initiative's own files have it."""
    body = "".join(
        f'<map>\n<Cell>\n<entity1 rdf:resource="{a}"/>\n<entity2 rdf:resource="{b}"/>\n<relation>{r}</relation>\n'
        f'<measure rdf:datatype="http://www.w3.org/2001/XMLSchema#float">{m}</measure>\n</Cell>\n</map>\n'
        for a, b, r, m in cells
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{top}<rdf:RDF xmlns="http://knowledgeweb.semanticweb.org/heterogeneity/'
        'alignment" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n<Alignment>\n<xml>yes</xml>\n'
        f"{body}{more}</Alignment>\n</rdf:RDF>\n"
    )


def test_an_empty_relation_is_not_the_same(tmp_path):
    cells = [("http://l/0", "http://r/0", "=", "1.0"), ("http://l/1", "http://r/1", "", "1.0")]
    found, notes = read(tmp_path / "s.xml", alignment(cells))
    assert found == [(0, 0)] and "1 cells say something else than =" in notes[0]


def test_oaei(tmp_path):
    cells = [(f"http://l/{i}", f"http://r/{i}", "=", "1.0") for i in range(3)]
    cells += [("http://r/3", "http://l/3", "=", "0.5"), ("http://l/4", "http://r/4", "&lt;", "1.0")]
    found, notes = read(tmp_path / "a.rdf", alignment(cells, '<!DOCTYPE rdf:RDF SYSTEM "align.dtd">\n'))
    assert found == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert "1 cells say something else than =" in notes[0] and "1 of 4 cells have another measure than 1" in notes[1]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text, kind, words",
    [
        (alignment([], '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n', "&b;"), errors.DamagedFile, "a.xml:2: it declares"),
        (alignment([], '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n', "&a;"), errors.DamagedFile, "declares"),
        (alignment([], '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://x/"> %a;]>\n'), errors.DamagedFile, "declares"),
        (alignment([], "", "<Cell></Cell>"), errors.MalformedLine, r"a.xml:5: a cell without entity1"),
        (alignment([], "", "<b>"), errors.MalformedLine, r"a.xml:5: not XML \(mismatched tag"),
        (alignment([]), errors.EmptyFile, "no pair in it"),
        ("<rdf/>", errors.MalformedLine, "no Alignment in it"),
        ("<?xml version='1.0' encoding='nonsense'?><a/>", errors.MalformedLine, "a.xml:1: not XML"),
        ("<a>" * 10**5, errors.MalformedLine, "not XML"),
    ],
)  # fmt: skip
def test_bad_alignments(tmp_path, text, kind, words):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(kind, match=words):
        own.read_pairs(tmp_path / "a.xml", *GRAPHS)


META = '#mapping_set_id: http://x/m\n#curie_map:\n#  L: http://l/\n#  R: "http://r/"\n#license: http://x/l\n'


def sssom(rows, meta=META):
    columns = [
        "subject_id",
        "subject_label",
        "predicate_id",
        "predicate_modifier",
        "object_id",
        "mapping_justification",
    ]
    return meta + "".join("\t".join(row) + "\n" for row in [columns, *rows])


def test_sssom(tmp_path):
    exact = [["L:0", "", "skos:exactMatch", "", "R:0", "x"], ["R:1", "", "owl:sameAs", "", "http://l/1", "x"]]
    other = [["L:2", "", "skos:broadMatch", "", "R:2", "x"], ["L:3", "", "skos:exactMatch", "Not", "R:3", "x"]]
    full = [["http://l/5", "five", "http://www.w3.org/2004/02/skos/core#exactMatch", "", "R:5", "x"]]
    found, notes = read(tmp_path / "m.sssom.tsv", sssom(exact + other + full))
    assert found == [(0, 0), (1, 1), (5, 5)]
    assert notes == [f"{tmp_path / 'm.sssom.tsv'}: 2 mappings say something else than exact match and are left out"]
    with pytest.raises(errors.MalformedLine, match=r"m.tsv:7: an empty field"):
        read(tmp_path / "m.tsv", sssom([["L:0", "", "skos:exactMatch", "", "", "x"]]))
    with pytest.raises(errors.MalformedLine, match=r"m.tsv:8: 2 fields, not 6"):
        read(tmp_path / "m.tsv", sssom([*exact[:1], ["a", "b"]]))
    # A quote at one end is a part of the prefix.
    odd = META.replace('"http://r/"', 'http://r/"')
    with pytest.raises(errors.DataError):
        read(tmp_path / "o.tsv", sssom(exact[:1], odd))
    # Without metadata the ids have to be whole.
    assert read(tmp_path / "n.tsv", sssom([["http://l/0", "", "skos:exactMatch", "", "http://r/0", ""]], ""))[0] == [
        (0, 0)
    ]


def table(*rows):
    return "left,right\n" + "".join(f"http://l/{a},http://r/{b}\n" for a, b in rows)


GOOD = [(i, i) for i in range(6)]


@pytest.mark.parametrize(
    "more, note",
    [
        ([("x", 6)], "1 of 7 known pairs name an entity that its graph does not have and are left out: http://l/x = http://r/6 "),
        ([(0, 7)], r"1 of 7 known pairs have an entity of an earlier pair and are left out: http://l/0 = http://r/7 \(.*:8\)$"),
        ([("x", 6), ("y", 7), ("z", "z"), (8, "w")], r"4 of 10 known pairs name .*http://r/z \(.*\), …$"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_left_out(tmp_path, more, note):
    text = table(*GOOD, *more)
    found, notes = read(tmp_path / "s.csv", text)
    assert found == GOOD and len(notes) == 1 and re.search(note, notes[0]), notes
    with pytest.raises((errors.UnknownId, errors.DuplicateId), match=r"s.csv:8: "):
        read(tmp_path / "s.csv", text, strict=True)


def test_most_of_a_file_is_of_no_use(tmp_path):
    with pytest.raises(errors.UnknownId, match=r"s.csv:8: .* there are 7 such ids in all"):
        read(tmp_path / "s.csv", table(*GOOD, *((f"x{i}", i) for i in range(7))))
    with pytest.raises(errors.DuplicateId, match=r"s.csv:3: http://l/0 for the second time"):
        read(tmp_path / "s.csv", table(*((0, i) for i in range(5))))


def test_a_first_line_is_a_pair_unless_it_is_a_heading(tmp_path):
    found, notes = read(tmp_path / "s.csv", "http://l/E1,http://r/E1\n" + table(*GOOD).partition("\n")[2])
    assert found == GOOD and "s.csv:1" in notes[0]
    with pytest.raises(
        errors.UnknownId, match="s.csv:1: .* http://l/E1.*; if the line is a heading, make it left,right"
    ):
        read(tmp_path / "s.csv", "http://l/E1,http://r/E1\nhttp://l/1,http://r/1\n", strict=True)
    for first in ("source,target", "Entity1,Entity2", "left_uri,right_uri"):
        assert read(tmp_path / "s.csv", table(*GOOD).replace("left,right", first), strict=True)[0] == GOOD


def test_links_to_third_graphs(tmp_path):
    same, exact = "http://www.w3.org/2002/07/owl#sameAs", "http://www.w3.org/2004/02/skos/core#exactMatch"
    links = [
        ("l/0", same, "r/0"),
        ("r/1", exact, "l/1"),
        ("l/2", "http://www.w3.org/2002/07/owl#equivalentClass", "r/2"),
    ]
    links += [(f"l/{i}", same, f"third/{i}") for i in range(10)] + [("l/3", "http://p", "r/3")]
    text = "".join(f"<http://{a}> <{p}> <http://{b}> .\n" for a, p, b in links)
    found, notes = read(tmp_path / "s.nt", text)
    assert found == [(0, 0), (1, 1), (2, 2)] and "10 of 13 known pairs name an entity" in notes[0]
    with pytest.raises(errors.UnknownId):
        read(tmp_path / "s.nt", text, strict=True)
    with pytest.raises(errors.UnknownId, match="10 such ids"):
        read(tmp_path / "s.nt", "".join(line + "\n" for line in text.splitlines() if "third" in line))


# --- Thousands of damaged files --------------------------------------------------------------------------------------


@st.composite
def damaged(draw, form):
    """A good file of pairs and up to two blows at it; and whether there was none."""
    numbers = draw(st.lists(st.integers(0, N - 1), min_size=1, max_size=4, unique=True))
    if form == "xml":
        text = alignment([(f"http://l/{i}", f"http://r/{i}", "=", "1.0") for i in numbers])
    else:
        text = sssom([[f"L:{i}", "", "skos:exactMatch", "", f"R:{i}", "x"] for i in numbers])
    data, blows = text.encode(), draw(st.integers(0, 2))
    for _ in range(blows):
        rows = data.split(b"\n")
        i = draw(st.integers(0, len(rows) - 1))
        blow = draw(
            st.sampled_from(["drop", "twice", "cut", "byte", "field", "entity", "nul", "latin", "swap", "deep"])
        )
        if blow == "drop":
            del rows[i]
        elif blow == "twice":
            rows.insert(i, rows[i])
        elif blow == "field":
            rows[i] = rows[i].replace(b"\t", b"", 1).replace(b"=", b"", 1)
        elif blow == "entity":
            rows.insert(min(i, 1), b'<!DOCTYPE a [<!ENTITY b "c">]>')
        elif blow == "nul":
            rows[i] += b"\0"
        elif blow == "latin":
            rows[i] += b"Caf\xe9"
        elif blow == "swap":
            rows.reverse()
        elif blow == "deep":
            rows[i] += b"<a>" * 500
        data = b"\n".join(rows)
        at = draw(st.integers(0, len(data)))
        if blow == "cut":
            data = data[:at]
        elif blow == "byte":
            data = data[:at] + draw(st.binary(min_size=1, max_size=2)) + data[at + 1 :]
    return data, sorted(numbers) if not blows else None


def second_oaei(data):
    """Pairs of an alignment by ElementTree; None where it is not XML, or says something twice or not at all."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    local = lambda name: name.rpartition("}")[2]  # noqa: E731
    if b"<!ENTITY" in data or not any(local(e.tag) == "Alignment" for e in root.iter()):
        return None
    found = []
    for cell in (e for e in root.iter() if local(e.tag) == "Cell"):
        parts = {}
        for part in cell:
            if list(part) or local(part.tag) in parts:
                return None
            parts[local(part.tag)] = part
        ends = [
            [value for key, value in parts[name].items() if local(key) in ("resource", "about")]
            if name in parts
            else []
            for name in ("entity1", "entity2")
        ]
        if any(len(end) != 1 or not end[0] for end in ends):
            return None
        relation = parts["relation"].text or "" if "relation" in parts else "="
        if relation.strip().lower() in ("=", "≡", "equivalence", "equal", "same"):
            found.append({ends[0][0], ends[1][0]})
    return found


def second_sssom(data):
    """Pairs of SSSOM, its metadata by a reader of YAML; None where the file is not as plain as it can be."""
    try:
        lines = data.decode().removesuffix("\n").split("\n")
        top = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
        meta = yaml.safe_load("\n".join(line[1:] for line in top)) or {}
    except (UnicodeDecodeError, yaml.YAMLError, ValueError):
        return None
    prefixes = meta.get("curie_map") if isinstance(meta, dict) else None
    if not isinstance(prefixes, dict) or not all(isinstance(x, str) for x in itertools.chain(*prefixes.items())):
        return None
    if any(len(iri) > 1000 for iri in prefixes.values()):  # it may be used a million times
        return None
    rows = [line.split("\t") for line in lines[len(top) :]]
    text = "".join(lines)
    if (
        not text.isprintable()
        and set(text) - set("\t") != set(filter(str.isprintable, text))
        or '"' in "".join(lines[len(top) :])
    ):
        return None
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows) or len({*rows[0]}) < len(rows[0]):
        return None
    if any(cell != cell.strip() for row in rows for cell in row) or not {"subject_id", "object_id"} <= {*rows[0]}:
        return None
    names = {"skos": "http://www.w3.org/2004/02/skos/core#", "owl": "http://www.w3.org/2002/07/owl#"}
    same = {f"{names[p]}{w}" for p, w in (("skos", "exactMatch"), ("owl", "sameAs"))}
    found = []
    for row in (dict(zip(rows[0], row, strict=True)) for row in rows[1:]):
        whole = lambda curie, known: (  # noqa: E731
            known[curie.split(":")[0]] + curie.split(":", 1)[1]
            if curie.split(":")[0] in known and ":" in curie
            else curie
        )
        if whole(row.get("predicate_id", "skos:exactMatch"), names) not in same or row.get("predicate_modifier"):
            continue
        if not row["subject_id"] or not row["object_id"]:
            return None
        found.append({whole(row["subject_id"], prefixes), whole(row["object_id"], prefixes)})
    return found


@pytest.mark.parametrize("form", ["xml", "tsv"])
def test_damaged_files_of_pairs(tmp_path, form):
    """Refused, or read as another reader reads them."""
    path, compared = tmp_path / f"s.{form}", [0]

    @many
    @given(damaged(form))
    def run(example):
        data, expected = example
        found = read_or_refused(lambda path: own.read_pairs(path, *GRAPHS), path, data)
        other = (second_oaei if form == "xml" else second_sssom)(data)
        if isinstance(found, DataError):
            assert expected is None and not other, found
            return
        assert len(found) and all(isinstance(e, str) and e for e in found.to_numpy().ravel())
        if expected is not None:
            assert sorted(int(e.rsplit("/", 1)[1]) for e in found["left"]) == expected
        if other is not None:
            compared[0] += 1
            assert [{*pair} for pair in found[["left", "right"]].to_numpy().tolist()] == other

    run()
    assert compared[0] > 0


def test_readers_of_pairs_share_their_words():
    assert set(pairs.SAME) >= {rdf.SAME} and "=" in oaei.EQUAL
