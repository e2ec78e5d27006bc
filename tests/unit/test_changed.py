"""A run of `align` for graphs that have changed since: what is new is embedded and counted; other features are refused."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from pmf_minimal import own
from pmf_minimal.errors import OtherRun
from pmf_minimal.runs.changed import from_neighbours, load_changed
from pmf_minimal.runs.run import fit, load_run

N = 30
RNG = np.random.default_rng(0)
LINKS = [(i, "pq"[k], int(j)) for i in range(N) for k, j in enumerate(RNG.integers(0, N, 2))]
VECTORS = RNG.normal(size=(N, 6))


def graph(side, gone=(), more=(), names=True, vectors=None):
    """A graph of entities side0, side1, …, without some, and with some triples more."""
    links = [(h, r, t) for h, r, t in [*LINKS, *more] if not {h, t} & {*gone}]
    entities = sorted({e for h, _, t in links for e in (h, t)}, key=str)
    table = pd.DataFrame([(f"{side}{h}", r, f"{side}{t}") for h, r, t in links], columns=["head", "relation", "tail"])
    features = {}
    if vectors is not None:
        rows = {f"{side}{e}": vectors[e] for e in entities if isinstance(e, int) and e < len(vectors)}
        features = {"text": pd.DataFrame(list(rows.values()), index=list(rows))}
    labels = {f"{side}{e}": f"name {'abcdefghijklmnopqrstuvwxyzäöüß'[e]}x" for e in entities if isinstance(e, int)}
    return own.Tables(table, names=labels if names else {}, features=features)


def trained(folder, left, right, epochs=2):
    pairs = [(f"l{i}", f"r{i}") for i in range(20)]
    graphs = own.from_frames(left, right, pairs, progress=False)
    config = own.settings(graphs, epochs=epochs, iterative_epochs=0, dim=8)
    fit(own.split_for_application(graphs, 0, 0.3), config, "cpu", progress=False).save(folder)
    return graphs


def changed(folder, left, right):
    return load_changed(folder, own.from_frames(left, right, [], progress=False))


def test_the_same_graphs_are_the_same_run(tmp_path):
    graphs = trained(tmp_path / "run", graph("l"), graph("r"))
    run, note = load_changed(tmp_path / "run", graphs)
    first = load_run(tmp_path / "run", graphs)
    assert note == "" and all(torch.equal(x, first.embeddings()[m]) for m, x in run.embeddings().items())


def test_another_order_of_entities_is_no_other_embedding(tmp_path):
    """Rows, relations, words: all are found again by their names."""
    left, right = graph("l", vectors=VECTORS), graph("r", vectors=VECTORS)
    graphs = trained(tmp_path / "run", left, right)
    first = load_run(tmp_path / "run", graphs)
    left.triples, right.triples = left.triples.iloc[::-1], right.triples.sample(frac=1, random_state=0)
    run, note = changed(tmp_path / "run", left, right)
    assert "0 new entities and 0 new triples" in note and "0 entities and 0 triples of the training are gone" in note
    assert run.graphs.uris != graphs.uris and run.graphs.relation_names != graphs.relation_names
    rows = [graphs.uris.index(uri) for uri in run.graphs.uris]
    for m, x in run.model.encode().items():
        torch.testing.assert_close(x, first.model.encode()[m][rows], atol=1e-5, rtol=1e-5)
    pairs = lambda run: {(run.graphs.uris[i], run.graphs.uris[j]) for i, j in run.graphs.valid.tolist()}  # noqa: E731
    assert pairs(run) == pairs(first)
    scores = [own.Alignment(r).matches.set_index(["left_uri", "right_uri"])["score"] for r in (run, first)]
    assert (scores[0].index.sort_values() == scores[1].index.sort_values()).mean() > 0.9


def test_what_is_new_and_what_is_gone_is_counted(tmp_path):
    graphs = trained(tmp_path / "run", graph("l"), graph("r"))
    known = set(graphs.pairs[:, 0].tolist())
    more = [(0, "p", "new"), ("new", "other", 1), ("new", "q", "newer")]
    run, note = changed(tmp_path / "run", graph("l", gone={3}, more=more), graph("r"))
    lost = sum(3 in (h, t) for h, _, t in set(LINKS))
    assert "2 new entities and 3 new triples are embedded" in note
    assert f"1 entities and {lost} triples of the training are gone; 1 known pairs have lost an entity" in note
    assert len(run.graphs.train) + len(run.graphs.valid) == len(known) - 1
    new = run.graphs.uris.index("lnew")
    assert all(torch.isfinite(h).all() for h in run.embeddings().values())
    assert run.embeddings()["structure"][new].norm() > 0 and run.model.relevance["structure"][new] > 0
    assert "lnew" in set(own.Alignment(run).matches["left_uri"]) | {"lnew"}


def test_a_new_entity_of_both_graphs_is_found_by_its_name(tmp_path):
    """Twenty-nine entities are trained with, the last one comes later."""
    trained(tmp_path / "run", graph("l", gone={29}), graph("r", gone={29}), epochs=40)
    run, _ = changed(tmp_path / "run", graph("l"), graph("r"))
    matches = own.Alignment(run).matches.set_index("left_uri")["right_uri"]
    assert matches["l29"] == "r29"


def test_vectors_from_neighbours():
    x = torch.tensor([[2.0], [4.0], [9.0], [9.0], [9.0]])
    known = torch.tensor([True, True, False, False, False])
    from_neighbours(x, known, torch.tensor([[0, 2, 2], [2, 1, 3]]))
    assert x.ravel().tolist() == [2, 4, 3, 3, 0]


def test_other_features_and_modalities_are_refused(tmp_path):
    left, right = graph("l", vectors=VECTORS), graph("r", vectors=VECTORS)
    trained(tmp_path / "run", left, right)
    few = VECTORS.copy()
    few[:5] = few[5:10]
    _, note = changed(tmp_path / "run", graph("l", vectors=few), right)
    assert "5 features of known entities are others" in note
    with pytest.raises(OtherRun, match="60 of 60 entities have other features text than in the training"):
        changed(tmp_path / "run", graph("l", vectors=-VECTORS), graph("r", vectors=-VECTORS))
    with pytest.raises(OtherRun, match="trained with text too"):
        changed(tmp_path / "run", graph("l"), graph("r"))
    with pytest.raises(OtherRun, match="trained with char too"):
        changed(tmp_path / "run", graph("l", vectors=VECTORS, names=False), graph("r", vectors=VECTORS, names=False))
    wide = np.concatenate([VECTORS, VECTORS], axis=1)
    with pytest.raises(OtherRun, match="features text"):
        changed(tmp_path / "run", graph("l", vectors=wide), graph("r", vectors=wide))


def test_graphs_without_the_known_pairs_are_refused(tmp_path):
    trained(tmp_path / "run", graph("l"), graph("r"))
    with pytest.raises(OtherRun, match="of its known pairs these graphs have none"):
        changed(tmp_path / "run", graph("x"), graph("r"))


def test_blank_nodes_count_as_new(tmp_path):
    more = [(0, "p", "_")]
    left = graph("l", more=more)
    left.triples = left.triples.replace("l_", "_:b0")
    trained(tmp_path / "run", left, graph("r"))
    left.triples = left.triples.iloc[::-1]
    _, note = changed(tmp_path / "run", left, graph("r"))
    assert "1 new entities and 1 new triples" in note and "blank nodes count as new" in note


def test_what_is_kept_of_the_graphs(tmp_path):
    graphs = trained(tmp_path / "run", graph("l"), graph("r"))
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["uris"] == graphs.uris and facts["columns"].keys() == {"relation", "char"}
    counts = graphs.features["relation"].sum(dim=0)
    for k, name in enumerate(facts["columns"]["relation"]):
        assert counts[k] == 2 * (graphs.edge_type == graphs.relation_names.index(name)).sum()
