"""Graphs of your own: readers, the command line end to end, and what the estimates are worth."""

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from pmf_minimal import errors, own
from pmf_minimal.cli.main import main
from pmf_minimal.config import PMFConfig
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair
from pmf_minimal.own import rdf, tables
from pmf_minimal.runs.folder import fingerprint, image_projection

LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"


def side_tables(prefix, n=12, **more):
    triples = pd.DataFrame([(f"{prefix}{i}", "next", f"{prefix}{(i + 1) % n}") for i in range(n)])
    return tables.Tables(triples, names={f"{prefix}{i}": f"name {i}" for i in range(n)}, **more)


def test_frames():
    text = pd.DataFrame(np.eye(12, dtype=np.float32), index=[f"a{i}" for i in range(12)])
    left, right = (
        side_tables("a", features={"text": text}),
        side_tables("b", features={"text": text.set_axis([f"b{i}" for i in range(12)])}),
    )
    graphs = own.from_frames(left, right, [("a0", "b0"), ("a5", "b5")])
    assert graphs.uris[:2] == ["a0", "a1"] and graphs.pairs.tolist() == [[0, 12], [5, 17]]
    assert graphs.entity_names[3] == "name 3"
    assert set(graphs.modalities) == {"structure", "relation", "char", "text"}
    assert torch.equal(graphs.features["text"][:12], torch.eye(12))


@pytest.mark.parametrize(
    "pairs, kind, words",
    [
        ([("a0", "zzz")], errors.UnknownId, "row 0"),
        ([("a0", "b0"), ("a0", "b1")], errors.DuplicateId, "row 1"),
        ("a0b0", DataError, "a str; give a table"),
        ({"a0": "b0"}, DataError, "a dict; give a table"),
        (["a0", "b0"], DataError, "row 0: 'a0' is no pair"),
        ([("a0",)], DataError, "row 0: .* is no pair"),
        ([("a0", float("nan"))], errors.MalformedLine, "row 0: an empty part"),
        (pd.DataFrame({"right": ["b0"], "x": ["a0"]}), errors.MalformedLine, "called right, x; call them left, right"),
    ],
)
def test_bad_pairs(pairs, kind, words):
    with pytest.raises(kind, match=words):
        own.from_frames(side_tables("a"), side_tables("b"), pairs, strict=True)


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("left,right\n\na0,b0\nzzz,b1\n", errors.UnknownId, "seeds.csv:4: the left graph does not have zzz; mend"),
        ("left,right\nb0,a0\n", errors.UnknownId, "seeds.csv:2: the left graph does not have b0, .*; swap"),
        ("b0,a0\nb1,a1\n", errors.UnknownId, r"seeds.csv:1: .* b0, and .* 4 such .*; swap the .*, or LEFT and RIGHT"),
        ("a0,b0\nx,b1\na3,z\ny,b2\nw,b4", errors.UnknownId, r"seeds.csv:2: .* x, and .* 4 .* \(x, z, y, …\); mend"),
        ("left;right\na0;b0\n", errors.MalformedLine, "one column, 'left;right'; give two"),
        ("a0,b0\na1,b0\n", errors.DuplicateId, "seeds.csv:2: b0 for the second time"),
        ("left,right\n", errors.EmptyFile, "no pair"),
        ("a0\na1\n", errors.MalformedLine, "one column"),
    ],
)
def test_bad_files_of_pairs(tmp_path, text, kind, words):
    (tmp_path / "seeds.csv").write_text(text)
    sides = side_tables("a"), side_tables("b")
    with pytest.raises(kind, match=words):
        own.from_frames(*sides, own.read_pairs(tmp_path / "seeds.csv", *sides), strict=True)


def test_a_pair_of_entities_without_triples_is_no_heading(tmp_path):
    """They occur among the attributes alone."""
    (tmp_path / "seeds.csv").write_text("a98,b98\na0,b0\n")
    sides = [side_tables(s, attributes=pd.DataFrame([[f"{s}98", "age"]])) for s in "ab"]
    assert len(own.from_frames(*sides, own.read_pairs(str(tmp_path / "seeds.csv"), *sides)).pairs) == 2


@pytest.mark.parametrize(
    "name, why",
    [("joint", "reserved"), ("char", "reserved"), ("a/b", "slash"), (" a", "slash"), ("", "slash"), (7, "slash")],
)
def test_bad_names_of_features(name, why):
    text = pd.DataFrame(np.ones((1, 2)), index=["a0"])
    with pytest.raises(errors.BadFeatures, match=f"{name}.*{why}"):
        own.from_frames(side_tables("a", features={name: text}), side_tables("b", features={name: text}))


def test_features_called_image():
    """Vectors of one's own pictures, unless the package makes some from files."""
    text = [{"image": pd.DataFrame(np.ones((1, 2)), index=[f"{s}0"])} for s in "ab"]
    assert "image" in own.from_frames(side_tables("a", features=text[0]), side_tables("b", features=text[1])).features
    with pytest.raises(errors.BadFeatures, match="reserved where there are pictures"):
        own.from_frames(side_tables("a", features=text[0]), side_tables("b", features=text[1], images={"b1": "b.png"}))


def test_modalities_of_your_own():
    assert PMFConfig().with_modalities(("structure", "text")).beta["text"] == 0.1
    with pytest.raises(ValueError, match="choose among"):
        PMFConfig(modalities=("txt",))


def test_turtle(tmp_path):
    (tmp_path / "g.ttl").write_text(
        "@prefix x: <http://x/> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .\n"
        f'x:a x:knows x:b, [ x:knows x:b ] ; {LABEL} "Anna" ; x:age 7 ; foaf:depiction <p/a.png>, <http://web/a.png> .\n'
        "x:a <http://www.w3.org/2002/07/owl#sameAs> x:other .\n"
    )
    found = rdf.read(tmp_path / "g.ttl")
    assert sorted(found.triples["tail"]) == ["_:b0", "http://x/b", "http://x/b"]
    assert found.labels == {"": {"http://x/a": "Anna"}} and found.images == {"http://x/a": tmp_path / "p/a.png"}
    assert set(found.attributes["attribute"]) == {LABEL[1:-1], "http://x/age"}
    assert "not fetched" in found.notes[0]


@pytest.mark.parametrize(
    "file, text, kind, words",
    [
        ("g.nt", "<http://a> <http://b> <http://c> .\n<http://a> oops .\n", errors.MalformedLine, "g.nt:2"),
        ("g.ttl", "<http://a> <http://b> <http://c> .\n<http://a> oops .\n", errors.MalformedLine, "g.ttl:2"),
        ("g.ttl", "# nothing\n", errors.EmptyFile, "no triple"),
        ("g.rdf", "<rdf/>", errors.MalformedLine, r"g.rdf:\?: not RDF"),
        ("g.rdf", "<a>\n<b>", errors.MalformedLine, r"g.rdf:2:4: not XML"),
        (
            "g.owl",
            '<Ontology xmlns="http://www.w3.org/2002/07/owl#"/>',
            errors.DamagedFile,
            "OWL/XML; save it as RDF/XML",
        ),
        ("g.owl", "Prefix(:=<http://x/>)", errors.MalformedLine, "g.owl:1:"),
        ("g.jsonld", '{"@id": "http://a", ', errors.MalformedLine, "g.jsonld:1:2.: not JSON-LD"),
        ("g.ttl", "<http://a b> <http://b> <http://c> .", errors.MalformedLine, "g.ttl:1:.*try --lenient"),
        ("g.nt", '"a" <http://b> <http://c> .', errors.MalformedLine, "g.nt:1:1: .*subject"),
        ("g.ttl.gz", "no gzip", errors.DamagedFile, "g.ttl.gz: cannot be unpacked"),
        ("g.ttl.bz2", "", errors.DamagedFile, "bunzip2 g.ttl.bz2"),
        ("g.foo", "", errors.DamagedFile, "give a folder of tables"),
        ("g.nt", "", errors.EmptyFile, "empty"),
    ],
)
def test_bad_rdf(tmp_path, file, text, kind, words):
    (tmp_path / file).write_text(text)
    with pytest.raises(kind, match=words):
        rdf.read(tmp_path / file)


def test_pictures_stay_inside(tmp_path):
    (tmp_path / "g.ttl").write_text("<http://a> <http://xmlns.com/foaf/0.1/depiction> <../../etc/passwd> .")
    with pytest.raises(DataError, match="outside"):
        rdf.read(tmp_path / "g.ttl")


def test_folder(tmp_path):
    (tmp_path / "triples.csv").write_text("head,relation,tail\na,r,b\n")
    (tmp_path / "names.tsv").write_text("entity\tname\na\tAnna\n")
    assert tables.read_folder(tmp_path).names == {"a": "Anna"}
    (tmp_path / "triples.csv").write_text("head,relation,tail\na,r,b\na,r\n")
    with pytest.raises(errors.MalformedLine, match="triples.csv:3"):
        tables.read_folder(tmp_path)


def test_features_are_no_pickle(tmp_path):
    np.savez(tmp_path / "x.npz", ids=np.array(["a"], dtype=object), features=np.ones((1, 2)))
    with pytest.raises(errors.DamagedFile):
        own.read_features(tmp_path / "x.npz")


def write(folder, things=100, alone=30):
    """Two RDF files that share ``things`` entities, and each has ``alone`` more; 30 seeds and the truth."""
    rng = np.random.default_rng(0)
    links = [(a, b) for a in range(things) for b in rng.choice(things, 3, replace=False)]
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    word = ["".join(rng.choice(letters, 8)) for _ in range(things + 2 * alone)]
    for side in (0, 1):
        mine = [*range(things), *range(things + side * alone, things + (side + 1) * alone)]
        kept = [link for link in links if rng.random() < 0.8]
        kept += [(a, int(rng.integers(things))) for a in mine[things:] for _ in range(3)]
        lines = [f"<http://{side}/{a}> <http://r/{(a + b) % 3}> <http://{side}/{b}> ." for a, b in kept]
        lines += [f'<http://{side}/{a}> {LABEL} "{word[a]}" .' for a in mine]
        (folder / f"{side}.nt").write_text("\n".join(lines) + "\n")
    (folder / "seeds.csv").write_text("left,right\n" + "".join(f"http://0/{i},http://1/{i}\n" for i in range(30)))


def test_rdf_in_the_order_of_the_file(tmp_path):
    """Whatever the process's hash seed: else the same files would count as other graphs the next time."""
    triples = [(f"http://x/{i * 7 % 40}", f"http://x/p{i % 3}", f"http://x/{i * 11 % 40}") for i in range(40)]
    (tmp_path / "a.nt").write_text("".join("<{}> <{}> <{}> .\n".format(*t) for t in triples))
    assert rdf.read(tmp_path / "a.nt").triples.to_numpy().tolist() == [list(t) for t in triples]


def inside(*words):
    """The command in this process: exit code and all that it said."""
    done = CliRunner().invoke(main, [str(w) for w in words])
    return done.exit_code, done.output


def test_seeds_as_rdf(tmp_path):
    write(tmp_path)
    same = [(f"http://0/{i}", f"http://1/{i}") for i in range(30)]
    (tmp_path / "seeds.nt").write_text(rdf.write_same_as(same))
    graphs = [tmp_path / "0.nt", tmp_path / "1.nt"]
    code, said = inside("align", *graphs, "--seeds", tmp_path / "seeds.nt", "--out", tmp_path / "run")
    assert code == 0, said
    table = pd.read_csv(tmp_path / "run" / "matches.csv")
    assert set(table.loc[table["known"], ["left_uri", "right_uri"]].itertuples(index=False, name=None)) == set(same)


def graphs_with(**features):
    n = 12
    both = torch.arange(2 * n)
    edges = torch.stack([both, (both + 1) % n + n * (both >= n)])
    return GraphPair(
        name="toy",
        n_left=n,
        num_nodes=2 * n,
        edge_index=edges,
        edge_type=torch.zeros(2 * n, dtype=torch.long),
        relation_names=["r"],
        uris=[str(i) for i in range(2 * n)],
        features=features,
        masks={m: x.any(dim=1) for m, x in features.items()},
    )


def test_other_values_are_other_graphs():
    x = torch.randn(24, 8, generator=torch.Generator().manual_seed(0))
    nearly, other = x + 1e-6, x.clone()
    other[5] = -other[5]
    assert fingerprint(graphs_with(text=x)) != fingerprint(graphs_with(text=nearly))
    rough = [fingerprint(graphs_with(image=v), image_values=False) for v in (x, other, x.where(x != x[0], 0))]
    assert rough[0] == rough[1] != rough[2]  # which entities have an image counts
    assert fingerprint(graphs_with(image=x)) != fingerprint(graphs_with(image=other))
    places = [image_projection(graphs_with(image=v)) for v in (x, nearly, other)]
    assert np.allclose(places[0], places[1], rtol=0, atol=1e-3)
    assert (np.abs(places[0] - places[2]) > 1e-3).nonzero()[0].tolist() == [5]


def folders(base, **files):
    """Two folders of a graph each, l and r: twelve triples, and the given files, whose text may have {} for the letter."""
    ring = "".join(f"{{0}}{i},next,{{0}}{(i + 1) % 12}\n" for i in range(12))
    for side in "lr":
        (base / side).mkdir()
        for name, text in ({"triples_csv": "head,relation,tail\n" + ring} | files).items():
            (base / side / name.replace("_", ".")).write_text(text.format(side))
    return base / "l", base / "r"


def vectors(path, ids, width=2):
    np.savez(path, ids=np.array(ids), features=np.random.default_rng(0).random((len(ids), width), dtype=np.float32))
    return path


def from_folders(*paths):
    return own.from_frames(*map(own.read_graph, paths), progress=False)


@pytest.mark.parametrize("table", ["names_csv", "attributes_csv", "images_csv"])
def test_ids_of_another_numbering(tmp_path, table):
    """They would become entities of their own, and the names of nobody."""
    heading = ",".join(tables._COLUMNS[table.removesuffix("_csv")])
    left, right = folders(tmp_path, **{table: heading + "\n" + "".join(f"http://{{0}}/{i},x{i}\n" for i in range(12))})
    with pytest.raises(
        errors.UnknownId, match=rf"{table[:5]}.*csv: 12 of 12 ids, such as 'http://l/0', .*; give the ids"
    ):
        from_folders(left, right)


def test_some_ids_that_no_triple_has(tmp_path):
    names = "entity,name\n" + "".join(f"{{0}}{i},name {i}\n" for i in range(14))
    graphs = from_folders(*folders(tmp_path, names_csv=names))
    assert graphs.n_left == 14 and len(graphs.notes) == 2
    assert "l/names.csv: 2 of 14 ids, such as 'l12', are in no triple of the left graph; they stay" in graphs.notes[0]


def test_rdf_may_have_entities_without_links(tmp_path):
    """Its labels are of the same file as its triples."""
    for side in "lr":
        labels = "".join(f'<http://{side}/{i}> {LABEL} "name {i}" .\n' for i in range(50))
        (tmp_path / f"{side}.nt").write_text(f"<http://{side}/0> <http://r> <http://{side}/1> .\n" + labels)
    graphs = from_folders(tmp_path / "l.nt", tmp_path / "r.nt")
    assert graphs.n_left == 50 and not graphs.notes


def test_features_in_the_wrong_place(tmp_path):
    left, right = folders(tmp_path)
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("".join(f"l{i},r{i}\n" for i in range(12)))
    files = [vectors(tmp_path / f"{s}.npz", [f"{s}{i}" for i in range(12)]) for s in "LR".lower()]
    wide = vectors(tmp_path / "wide.npz", [f"r{i}" for i in range(12)], width=3)
    other = vectors(tmp_path / "other.npz", range(12))

    def refused(*words):
        code, said = inside("align", left, right, "--seeds", seeds, "--out", tmp_path / "run", *words)
        assert code == 2 and not (tmp_path / "run").exists(), said
        return said

    said = refused("--features", "text", *files[::-1])
    assert "r.npz: 12 of 12 ids, such as 'r0'" in said and "swap the two files" in said
    said = refused("--features", "text", files[0], other)
    assert "other.npz: 12 of 12 ids, such as '0'" in said and "give the ids that the triples have" in said
    said = refused("--features", "text", files[0], wide)
    assert "l.npz: 2 and" in said and "wide.npz: 3; give features of one width" in said
    vectors(left / "text.npz", ["l0"])
    assert (
        "text is left out: " in (note := from_folders(left, right).notes[0])
        and "l/text.npz has it, and the right" in note
    )


def test_files_that_are_not_read_are_named(tmp_path):
    left, right = folders(tmp_path, labels_csv="entity,name\nl0,x\n", Names_csv="entity,name\nl0,x\n")
    note = own.read_graph(left).notes[0]
    assert "Names.csv, labels.csv not read" in note and "triples, attributes, names, images" in note
    (left / "triples.csv").rename(left / "Triples.CSV")
    with pytest.raises(errors.MissingFile, match="no triples.csv .* only Names.csv, Triples.CSV, labels.csv"):
        own.read_graph(left)
    (left / "g.ttl").write_text("")
    with pytest.raises(errors.MissingFile, match="give the file itself"):
        own.read_graph(left)


def test_blanks_and_repetitions_in_tables(tmp_path):
    (tmp_path / "triples.csv").write_text('head, relation ,tail\na, r, b\n a,r,b\nb, "r", "c, d"\n')
    (tmp_path / "names.csv").write_text("entity,name\na, Anna \n")
    graph = tables.read_folder(tmp_path)
    assert graph.triples.to_numpy().tolist() == [["a", "r", "b"], ["b", "r", "c, d"]] and graph.names == {"a": "Anna"}
    assert "1 triples repeat an earlier one" in graph.notes[0]


def test_columns_in_another_order(tmp_path):
    (tmp_path / "t.csv").write_text("year,tail,head,relation\n1,b,a,r\n")
    table = tables.read_table(tmp_path / "t.csv", ("head", "relation", "tail"))
    assert [*table.columns, *table.iloc[0]] == ["head", "relation", "tail", "year", "a", "r", "b", "1"]
    (tmp_path / "s.csv").write_text("note,right,left\nx,b0,a0\nx,b1,a1\nx,b1,a1\n")
    sides = side_tables("a"), side_tables("b")
    graphs = own.from_frames(*sides, own.read_pairs(tmp_path / "s.csv", *sides))
    assert graphs.pairs.tolist() == [[0, 12], [1, 13]]
    assert graphs.notes == ["1 known pairs repeat an earlier one and are left out"]


def test_same_as_in_either_direction(tmp_path):
    sides = side_tables("http://a/"), side_tables("http://b/")
    same = [("http://a/0", "http://b/0"), ("http://b/1", "http://a/1"), ("http://b/0", "http://a/0")]
    (tmp_path / "s.nt").write_text(rdf.write_same_as(same))
    assert own.from_frames(*sides, own.read_pairs(tmp_path / "s.nt", *sides)).pairs.tolist() == [[0, 12], [1, 13]]


def test_an_empty_language_is_none(tmp_path):
    """XML takes back a language by an empty one, which pyoxigraph refuses; what only looks like one is text."""
    (tmp_path / "g.rdf").write_text(
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/" xml:lang="fr">'
        '<rdf:Description rdf:about="http://x/0"><x:p xml:lang="">Paris</x:p><x:p>Lyon</x:p>'
        "<x:p xml:lang = ''>a xml:lang=\"\" b</x:p></rdf:Description></rdf:RDF>"
    )
    said = [(value, language) for _, _, value, language in rdf._parse(tmp_path / "g.rdf")]
    assert said == [("Paris", ""), ("Lyon", "fr"), ('a xml:lang="" b', "")]
