"""Graphs of your own: readers, the command line end to end, and what the estimates are worth."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from pmf_minimal import own
from pmf_minimal.config import PMFConfig
from pmf_minimal.datasets import errors, frames, rdf
from pmf_minimal.graphs import DataError

LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"


def tables(prefix, n=12, **more):
    triples = pd.DataFrame([(f"{prefix}{i}", "next", f"{prefix}{(i + 1) % n}") for i in range(n)])
    return frames.Tables(triples, names={f"{prefix}{i}": f"name {i}" for i in range(n)}, **more)


def test_frames():
    text = pd.DataFrame(np.eye(12, dtype=np.float32), index=[f"a{i}" for i in range(12)])
    left, right = (
        tables("a", features={"text": text}),
        tables("b", features={"text": text.set_axis([f"b{i}" for i in range(12)])}),
    )
    graphs = frames.from_frames(left, right, [("a0", "b0"), ("a5", "b5")])
    assert graphs.uris[:2] == ["a0", "a1"] and graphs.pairs.tolist() == [[0, 12], [5, 17]]
    assert graphs.entity_names[3] == "name 3"
    assert set(graphs.modalities) == {"structure", "relation", "char", "text"}
    assert torch.equal(graphs.features["text"][:12], torch.eye(12))


@pytest.mark.parametrize(
    "pairs, kind, words",
    [([("a0", "zzz")], errors.UnknownId, "pair 1"), ([("a0", "b0"), ("a0", "b1")], errors.DuplicateId, "pair 2")],
)
def test_bad_pairs(pairs, kind, words):
    with pytest.raises(kind, match=words):
        frames.from_frames(tables("a"), tables("b"), pairs)


@pytest.mark.parametrize("name", ["joint", "keys", "a-b", "char"])
def test_bad_names_of_features(name):
    text = pd.DataFrame(np.ones((1, 2)), index=["a0"])
    with pytest.raises(errors.BadFeatures, match=name):
        frames.from_frames(tables("a", features={name: text}), tables("b", features={name: text}))


def test_modalities_of_your_own():
    assert PMFConfig().over(("structure", "text")).beta["text"] == 0.1
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
    assert found.names == {"http://x/a": "Anna"} and found.images == {"http://x/a": tmp_path / "p/a.png"}
    assert set(found.attributes["attribute"]) == {LABEL[1:-1], "http://x/age"}
    assert "not fetched" in found.notes[0]


@pytest.mark.parametrize(
    "file, text, kind, words",
    [
        ("g.nt", "<http://a> <http://b> <http://c> .\n<http://a> oops .\n", errors.MalformedLine, "g.nt:2"),
        ("g.ttl", "<http://a> <http://b> <http://c> .\n<http://a> oops .\n", errors.MalformedLine, "g.ttl:2"),
        ("g.ttl", "# nothing\n", errors.EmptyFile, "no triple"),
        ("g.rdf", "<rdf/>", errors.DamagedFile, "convert"),
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
    assert frames.read_folder(tmp_path).names == {"a": "Anna"}
    (tmp_path / "triples.csv").write_text("head,relation,tail\na,r,b\na,r\n")
    with pytest.raises(errors.MalformedLine, match="triples.csv:3"):
        frames.read_folder(tmp_path)


def test_features_are_no_pickle(tmp_path):
    np.savez(tmp_path / "x.npz", ids=np.array(["a"], dtype=object), features=np.ones((1, 2)))
    with pytest.raises(errors.DamagedFile):
        frames.read_features(tmp_path / "x.npz")


def test_wilson():
    assert own.wilson(0, 0) == (0.0, 1.0)
    assert np.allclose(own.wilson(9, 10), (0.596, 0.982), atol=1e-3)  # Newcombe 1998's formula


def test_contributions_add_up_to_the_cosine():
    joint = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    pairs = torch.tensor([[0, 3], [1, 5]])
    parts = own.contributions(joint, pairs, 4)
    cosine = torch.nn.functional.cosine_similarity(joint[pairs[:, 0]], joint[pairs[:, 1]])
    assert parts.shape == (2, 4) and torch.allclose(parts.sum(dim=1), cosine, atol=1e-6)


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


def command(*words):
    return subprocess.run([sys.executable, "-m", "pmf_minimal", *map(str, words)], capture_output=True, text=True)


def test_align_and_predict(tmp_path):
    write(tmp_path)
    left, right, run, again = (tmp_path / name for name in ("0.nt", "1.nt", "run", "again"))
    done = command("align", left, right, "--seeds", tmp_path / "seeds.csv", "--epochs", 40, "--out", run)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(run / "matches.csv")
    same = table["left_uri"].str.split("/").str[-1] == table["right_uri"].str.split("/").str[-1]
    new = table[~table["known"]]
    assert same[new.index].sum() > 50  # of 70; by chance it would be one
    assert np.allclose(table.filter(like="from ").sum(axis=1), table["cosine"], atol=1e-4)
    # Those without counterpart are matched with each other, for want of better, but not kept.
    alone = new["left_uri"].str.split("/").str[-1].astype(int) >= 100
    assert alone.sum() > 10 and new[alone]["kept"].mean() < 0.2 and new[~alone]["kept"].mean() > 0.5
    assert len((run / "matches.nt").read_text().splitlines()) == table["kept"].sum()
    done = command("predict", run, left, right, "--out", again)
    assert done.returncode == 0, done.stderr
    for file in ("matches.csv", "matches.nt", "thresholds.csv"):
        assert (run / file).read_bytes() == (again / file).read_bytes()
    with np.load(again / "embeddings.npz") as arrays:
        assert len(arrays["ids"]) == len(arrays["joint"]) == 260
    left.write_text(
        left.read_text() + "<http://0/1> <http://r/0> <http://0/2> .\n<http://0/new> <http://r/0> <http://0/2> .\n"
    )
    done = command("predict", run, left, right, "--out", tmp_path / "third")
    assert done.returncode == 2 and "other graphs" in done.stderr and not (tmp_path / "third").exists()


def test_start_by_names(tmp_path):
    write(tmp_path)
    done = command(
        "align", tmp_path / "0.nt", tmp_path / "1.nt", "--start", "names", "--epochs", 10, "--out", tmp_path / "run"
    )
    assert done.returncode == 0 and "guesses by names" in done.stdout
    assert "30 validation pairs" in done.stdout  # all hundred names are found


def test_without_seeds_and_start(tmp_path):
    done = command("align", tmp_path / "0.nt", tmp_path / "1.nt")
    assert done.returncode == 2 and "--seeds" in done.stderr


def test_rdf_in_the_order_of_the_file(tmp_path):
    """Whatever the process's hash seed: else the same files would count as other graphs the next time."""
    triples = [(f"http://x/{i * 7 % 40}", f"http://x/p{i % 3}", f"http://x/{i * 11 % 40}") for i in range(40)]
    (tmp_path / "a.nt").write_text("".join("<{}> <{}> <{}> .\n".format(*t) for t in triples))
    assert rdf.read(tmp_path / "a.nt").triples.to_numpy().tolist() == [list(t) for t in triples]
