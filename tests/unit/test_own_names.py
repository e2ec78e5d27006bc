"""What entities are called, what is no entity, and tables in memory that are not what they seem."""

import numpy as np
import pandas as pd
import pytest
import torch

from pmf_minimal import errors, own
from pmf_minimal.own import names

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
OWL = "http://www.w3.org/2002/07/owl#"
WORDS = ["lizeha guguka", "nekati gutiti", "dosagu mukati", "bojoha sasaze"]


def graphs_of(tmp_path, left, right, ending="ttl"):
    for side, text in (("l", left), ("r", right)):
        (tmp_path / f"{side}.{ending}").write_text(text, "utf-8")
    return own.from_frames(*(own.read_graph(tmp_path / f"{side}.{ending}") for side in "lr"))


def ring(side, n=4):
    return "".join(f"<http://{side}/{i}> <http://r> <http://{side}/{(i + 1) % n}> .\n" for i in range(n))


def labels(side, *languages):
    return "".join(
        f"<http://{side}/{i}> <{LABEL}> {', '.join(f(w) for f in languages)} .\n" for i, w in enumerate(WORDS)
    )


@pytest.mark.parametrize(
    "left, right, found",
    [
        ([lambda w: f'"{w}"@en', lambda w: f'"aa {w[::-1]}"@xx'], [lambda w: f'"{w}"@en-GB'], True),
        ([lambda w: f'"{w}"', lambda w: '"aa"@xx'], [lambda w: '"zz"@en', lambda w: f'"{w}"'], True),
        ([lambda w: f'"{w}"@fr'], [lambda w: f'"{w}"@de'], True),
    ],
)  # fmt: skip
def test_names_in_the_language_that_both_graphs_have(tmp_path, left, right, found):
    graphs = graphs_of(tmp_path, ring("l") + labels("l", *left), ring("r") + labels("r", *right))
    assert graphs.entity_names == WORDS * 2 and graphs.named.all()


def test_the_same_property_first(tmp_path):
    first = '<http://l/0> <http://xmlns.com/foaf/0.1/name> "a" . <http://l/0> <http://www.w3.org/2004/02/skos/core#prefLabel> "z" .'
    assert graphs_of(tmp_path, ring("l") + first, ring("r")).entity_names[0] == "z"


@pytest.mark.parametrize(
    "uri, words",
    [
        ("http://x/onto#LizehaGuguka", "Lizeha Guguka"),
        ("http://x/onto#lizeha_guguka", "lizeha guguka"),
        ("http://dbpedia.org/resource/AC/DC", "AC/DC"),
        ("http://x/HTTPServer/", "HTTP Server"),
        ("http://x/%C3%8Ele", "Île"),
        ("http://x/東", "東"),
        ("http://x/e12", None),
        ("http://x/Q42", None),
        ("http://x/person_7", None),
        ("12", None),
        ("ab", None),
        ("_:b0", None),
        ("", None),
    ],
)
def test_words_of_an_id(uri, words):
    assert names.words_of_id(uri) == words


def test_equal_numbers_are_no_equal_names():
    """Ids 0, 1, … of both graphs: shown, but neither names nor letters to compare."""
    frames = [pd.DataFrame([(str(i), "r", str((i + k) % 9)) for i in range(9)]) for k in (1, 2)]
    graphs = own.from_frames(*map(own.Tables, frames))
    assert not graphs.named.any() and "char" not in graphs.modalities and graphs.entity_names[0] == "0"
    named = own.Tables(frames[0], names={"0": "zero"})
    assert own.from_frames(named, own.Tables(frames[1])).named.nonzero().ravel().tolist() == [0]


def test_terms_of_vocabularies_are_no_entities(tmp_path):
    def text(name):
        iris = [f"<http://o#{name(w)}>" for w in WORDS]
        rows = [f"{e} a <{OWL}Class> ; <http://sub> {iris[i - 1]} ." for i, e in enumerate(iris)]
        return "\n".join([*rows, f"<http://o> a <{OWL}Ontology> .", f"<{OWL}Thing> <http://sub> {iris[0]} ."])

    graphs = graphs_of(tmp_path, text(lambda w: w.title().replace(" ", "")), text(lambda w: w.replace(" ", "_")))
    assert all(uri.startswith("http://o#") for uri in graphs.uris)
    assert sorted(n.lower() for n in graphs.entity_names) == sorted(WORDS * 2)
    assert {"char", "attribute"} <= set(graphs.modalities)  # of which class they are is an attribute
    assert any("4 terms of RDF" in note for note in graphs.notes)
    # From tables, too.
    rows = [("a", "sub", "b"), ("a", TYPE, f"{OWL}Class"), ("b", "sub", "c")]
    both = own.Tables(pd.DataFrame(rows)), own.Tables(pd.DataFrame(rows))
    assert own.from_frames(*both).uris == ["a", "b", "c"] * 2


def test_nodes_of_synonyms_are_no_entities(tmp_path):
    synonyms = "".join(
        f'<http://r/{i}> <http://s/hasSynonym> <http://r/s{i}> . <http://r/s{i}> <{LABEL}> "{w}" .\n'
        for i, w in enumerate(WORDS)
    )
    right = ring("r") + "".join(
        f'<http://r/{i}> <{LABEL}> "{w.title().replace(" ", "_")}" .\n' for i, w in enumerate(WORDS)
    )
    graphs = graphs_of(tmp_path, ring("l") + labels("l", lambda w: f'"{w}"'), right + synonyms)
    assert graphs.n_right == len(WORDS) and [n.lower() for n in graphs.entity_names] == WORDS * 2
    assert any("4 nodes that only hold a synonym" in note for note in graphs.notes)
    # A node with triples of its own is an entity, whatever leads to it.
    more = "<http://r/s0> <http://r> <http://r/1> ."
    assert "http://r/s0" in graphs_of(tmp_path, ring("l"), right + synonyms + more).uris


def test_blank_nodes_are_said(tmp_path):
    blank = "_:a <http://r> _:b . _:b <http://r> <http://x> .\n"
    notes = graphs_of(tmp_path, ring("l"), blank).notes
    assert any(
        "2 of 3 entities of the right graph are blank nodes" in note and "never matched" in note for note in notes
    )


@pytest.mark.parametrize(
    "text, line, why",
    [
        ('<http://a> <http://b> "\u2028" .\n\n\n\noops\n', 5, "subject"),
        ("<http://a> <http://b> <http://c> .\n<http://a> _:p <http://c> .\n", 2, "predicate"),
        ("<http://a> <http://b> <http://c>", 1, ""),
    ],
)
@pytest.mark.parametrize("ending", ["nt", "ttl"])
def test_the_line_that_is_wrong(tmp_path, ending, text, line, why):
    (tmp_path / f"g.{ending}").write_text(text, "utf-8")
    with pytest.raises(
        errors.MalformedLine, match=rf"g\.{ending}:{line}:\d+: .*{why if ending == 'nt' else ''}.*; mend"
    ):
        own.read_graph(tmp_path / f"g.{ending}")


@pytest.mark.parametrize(
    "value",
    [f'"{"9" * 5000}"^^<http://www.w3.org/2001/XMLSchema#integer>', "9" * 5000,
     f'"P{"9" * 40}Y"^^<http://www.w3.org/2001/XMLSchema#duration>', "(" * 500 + ")" * 500],
    ids=["integer", "number", "duration", "nested"],
)  # fmt: skip
def test_literals_and_lists_of_any_kind_are_read(tmp_path, value):
    (tmp_path / "g.ttl").write_text(f"<http://a> <http://b> {value} .\n")
    table = own.read_graph(tmp_path / "g.ttl")
    assert len(table.attributes) + len(table.triples)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["<" + ":" * 10**6, '<http://a> <http://b> "' + '\\"' * 10**6, "_:" + "." * 10**6])
@pytest.mark.parametrize("ending", ["nt", "ttl"])
def test_long_lines_of_rdf_that_do_not_fit(tmp_path, ending, text):
    (tmp_path / f"g.{ending}").write_text(text)
    with pytest.raises(errors.MalformedLine, match=r"g\.\w+:1:\d+: ") as error:
        own.read_graph(tmp_path / f"g.{ending}")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("where", ["<p%00.png>", "<http://[bad>", f"<{'x' * 5000}>", '"a\\u0000b"'])
def test_pictures_that_can_be_no_file(tmp_path, where):
    (tmp_path / "g.ttl").write_text(
        f"<http://a> <http://b> <http://c> ; <http://xmlns.com/foaf/0.1/depiction> {where} ."
    )
    try:
        own.read_graph(tmp_path / "g.ttl")
    except errors.DataError as error:
        assert str(error).startswith(str(tmp_path)) and ";" in str(error)


def test_without_pyoxigraph(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyoxigraph", None)
    (tmp_path / "g.nt").write_text("<http://a> <http://b> <http://c> .\n")
    with pytest.raises(errors.DataError, match=r'g.nt: reading RDF needs .*pip install "pmf-minimal\[rdf\]"'):
        own.read_graph(tmp_path / "g.nt")


# --- Tables in memory ------------------------------------------------------------------------------------------------

TRIPLES = pd.DataFrame([(f"e{i}", "r", f"e{(i + 1) % 5}") for i in range(5)], columns=["head", "relation", "tail"])
NAMES = {f"e{i}": f"name {'abcde'[i]}" for i in range(5)}
RIGHT = own.Tables(TRIPLES, names=NAMES)


def left(**parts):
    return own.from_frames(own.Tables(**{"triples": TRIPLES} | parts), RIGHT)


def test_columns_by_name_or_place():
    plain = left()
    assert left(triples=TRIPLES[["relation", "tail", "head"]]).uris == plain.uris
    assert left(triples=TRIPLES.set_axis([0, 1, 2], axis=1)).uris == plain.uris
    assert left(triples=TRIPLES.set_axis(["s", "p", "o"], axis=1)).uris == plain.uris
    with pytest.raises(errors.MalformedLine, match="triples: the columns are called relation, x, tail; call them head"):
        left(triples=TRIPLES.set_axis(["relation", "x", "tail"], axis=1))
    for wrong in (TRIPLES.to_numpy(), None, TRIPLES["head"]):
        with pytest.raises(errors.MalformedLine, match="triples: a .*; give a table"):
            left(triples=wrong)


@pytest.mark.parametrize(
    "given",
    [pd.Series(NAMES), pd.DataFrame({"entity": list(NAMES), "name": list(NAMES.values())}),
     pd.DataFrame({"name": list(NAMES.values()), "entity": list(NAMES)}), pd.DataFrame(list(NAMES.items()))],
    ids=["series", "table", "columns in another order", "columns without names"],
)  # fmt: skip
def test_names_in_any_form(given):
    graphs = left(names=given)
    assert graphs.n_left == 5 and graphs.entity_names[:2] == ["name a", "name b"]


@pytest.mark.parametrize("nothing", [None, float("nan"), "", " ", np.nan, pd.NA])
def test_a_missing_name_is_no_name(nothing):
    graphs = left(names=NAMES | {"e0": nothing})
    assert graphs.entity_names[0] == "e0" and graphs.named[:5].tolist() == [False, True, True, True, True]


def test_parts_that_are_none():
    graphs = left(names=None, images=None, features=None, labels=None, notes=None, files=None)
    assert graphs.entity_names[:5] == list(NAMES) and torch.equal(
        graphs.masks["char"][:5], torch.zeros(5, dtype=torch.bool)
    )


@pytest.mark.parametrize(
    "parts, kind, words",
    [
        ({"names": ["a"]}, errors.MalformedLine, "names: a list; give a dict"),
        ({"names": {float("nan"): "x"}}, errors.MalformedLine, "'x' belongs to no entity"),
        ({"names": pd.Series(["x", "y"], index=["e0", "e0"])}, errors.DuplicateId, "names: e0 for the second time"),
        ({"attributes": TRIPLES[["head"]]}, errors.MalformedLine, "attributes: 1 columns; give entity, attribute"),
        ({"features": {"text": np.ones((5, 2))}}, errors.BadFeatures, "text: a ndarray; give a table"),
        ({"features": {"text": pd.DataFrame([[1.0]], index=[np.nan])}}, errors.BadFeatures, "a row without an entity"),
        ({"features": {"text": pd.DataFrame([[1.0], [2.0]], index=["e0", "e0"])}}, errors.DuplicateId, "e0 twice"),
        ({"features": {"text": pd.DataFrame([["x"]], index=["e0"])}}, errors.BadFeatures, "give numbers only"),
    ],
)
def test_parts_that_are_something_else(parts, kind, words):
    with pytest.raises(kind, match=words):
        left(**parts)


@pytest.mark.parametrize("name", ["values", "type", "keys", "training", "get", "a.b", "a-b", "Text 2", "größe"])
def test_names_of_modalities(name):
    both = [own.Tables(TRIPLES, features={name: pd.DataFrame(np.eye(5), index=list(NAMES))}) for _ in range(2)]
    assert name in own.from_frames(*both).modalities
