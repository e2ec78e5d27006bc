"""What keeps an alignment's time and memory near the number of entities: each part against its plain form, and the plan."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.sparse import csr_array, random_array

from pmf_minimal import own
from pmf_minimal.cli.main import main
from pmf_minimal.datasets import worlds
from pmf_minimal.errors import DataError
from pmf_minimal.own import candidates, estimates, keys, learnt, matcher, mixture, modalities, plan, words
from pmf_minimal.scale import cluster


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worlds") / "a"
    worlds.write(folder, 300, known=30)
    return folder


def sparse(rows, width, seed):
    return csr_array(random_array((rows, width), density=0.2, rng=np.random.default_rng(seed), dtype=np.float32))


@pytest.mark.parametrize("cells", [1, 50, 2**24])
def test_candidates_in_blocks_are_those_of_all_products(cells, monkeypatch):
    monkeypatch.setattr(candidates, "CELLS", cells)
    left, right = sparse(23, 40, 0), sparse(31, 40, 1)
    left = csr_array(left.toarray() * (np.arange(23) != 5)[:, None])  # a row without anything
    dense = left.toarray() @ right.toarray().T
    found = {*zip(*map(np.ndarray.tolist, candidates.nearest(left, right, 4)), strict=True)}
    assert found == {(i, j) for i in range(23) for j in np.argsort(-dense[i])[:4].tolist() if dense[i, j] > 0}


def test_of_many_entities_few_candidates_that_are_far_behind_the_best(monkeypatch):
    monkeypatch.setattr(candidates, "MANY", 10)
    left, right = sparse(23, 40, 0), sparse(31, 40, 1)
    dense = left.toarray() @ right.toarray().T
    i, j = candidates.nearest(left, right, 12)
    for row in range(23):
        order = np.argsort(-dense[row])[:12]
        far = dense[row, order] < candidates.WORTH * dense[row].max()
        wanted = [j for k, j in enumerate(order.tolist()) if dense[row, j] > 0 and (k < candidates.FEW or not far[k])]
        assert sorted(j[i == row].tolist()) == sorted(wanted)


def test_the_commonest_words_are_passed_over(monkeypatch):
    left = right = csr_array(np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0]], np.float32))
    monkeypatch.setattr(candidates, "MAX_PRODUCTS", 3)
    monkeypatch.setattr(candidates, "EACH", 1)
    i, j = candidates.nearest(left, right, 3)  # the first word alone has nine products
    assert [*zip(i.tolist(), j.tolist(), strict=True)] == [(0, 0), (1, 1)]
    monkeypatch.setattr(candidates, "EACH", 4)
    assert len(candidates.nearest(left, right, 3)[0]) == 9


def plain_keys(text):
    """Any two neighbouring words, as they are and with one letter left out, in a loop."""
    words, found = text.split(), set()
    less = lambda word: [word[:k] + word[k + 1 :] for k in range(len(word))]  # noqa: E731
    for k, one in enumerate(words):
        other = words[(k + 1) % len(words)] if len(words) > 1 else ""
        found |= {tuple(sorted((some, other))) for some in [one, *less(one)]}
        found |= {tuple(sorted((one, some))) for some in less(other)}
    return found


def test_keys_of_names_are_those_of_a_loop():
    names = [
        "jo smith",
        "smith jo",
        "jo smiht",
        "jo smit",
        "jo q smith",
        "smith jo q",
        "ab",
        "",
        "jo",
        "a b",
        "a a",
        "éa b cde f",
    ]
    left, right = words.vectors_by([keys._pairs_of_words], names, names)
    shared = ((left != 0).astype(int) @ (right != 0).T.astype(int)).toarray()
    plain = [plain_keys(name) for name in names]
    assert shared.tolist() == [[len(one & other) for other in plain] for one in plain]
    assert np.allclose(np.sqrt((left**2).sum(axis=1)), [name != "" for name in names])
    assert not any(x.nnz for x in words.vectors_by([keys._pairs_of_words], ["", ""], [""]))


def test_keys_of_values_are_values_in_pairs_and_with_words():
    sides = []
    for name, values in (("Jo Smith", ["1950-01-02", "Town"]), ("Jo Smyth", ["town", "1950-01-02"])):
        triples = pd.DataFrame([["a", "r", "b"]], columns=["head", "relation", "tail"])
        rows = pd.DataFrame([["a", "p", value] for value in values], columns=["entity", "attribute", "value"])
        sides.append(own.Tables(triples, attributes=rows, labels={"name": {"a": name}}))
    graphs, _ = own._graphs(sides, "these")
    assert [graph.ids[0] for graph in graphs] == ["a", "a"] and [len(graph.values) for graph in graphs] == [2, 2]
    texts = [{*keys._joined(graph)[0].split()} for graph in graphs]
    assert texts[0] & texts[1] == {"town", "1950-01-02", "1950-01-02|town", "jo|town", "jo|1950-01-02"}
    assert texts[0] - texts[1] == {"smith|town", "smith|1950-01-02"} and keys._joined(graphs[0])[1] == ""


def test_keys_find_what_is_lost_where_common_words_are_passed_over(monkeypatch):
    syllables = ["ka", "lo", "mi", "ren", "tus", "va"]
    names = [f"{a}{b}{c} {d}{a}{b}" for a in syllables for b in syllables for c in syllables for d in syllables[:2]]
    spelt = [name[: k % 6] + name[k % 6 + 1 :] for k, name in enumerate(names)]
    owners = [np.arange(len(names))] * 2
    found = []
    for products in (2e8, 2000):
        monkeypatch.setattr(candidates, "MAX_PRODUCTS", products)
        monkeypatch.setattr(candidates, "EACH", 1)
        monkeypatch.setattr(candidates, "MANY", 10)
        for rare in (None, partial(keys.by_names, (names, spelt))):
            compared = modalities.Sparse(*words.vectors(names, spelt), owners, (len(names),) * 2, rare)
            i, j = compared.candidates(20, None)
            found.append((len(i), (i == j).sum() / len(names)))
    assert found[0] == found[1]  # no word was passed over
    assert found[2][1] < 0.9 and found[3][1] > 0.99
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64)
    compared = modalities.Sparse(*words.vectors(names, spelt), owners, (len(names),) * 2, lambda *asked: nothing)
    i, _ = compared.candidates(6, None)
    assert np.bincount(i).max() == 3  # of many rows half as many by the common words
    monkeypatch.setattr(candidates, "MANY", len(names))
    compared.searched = None
    i, _ = compared.candidates(6, None)
    assert np.bincount(i).max() == 6


def test_the_best_pair_is_the_first_of_equals():
    random = np.random.default_rng(0)
    row = np.sort(random.integers(0, 40, 300))
    pairs = mixture.Pairs(row, np.arange(300) % 50, np.zeros((300, 1), np.float32), row < 0, row >= 0)
    score = random.integers(0, 4, 300).astype(float)
    top, _ = pairs.best(score)
    wanted = [max(np.flatnonzero(row == r), key=lambda k: (score[k], -k)) for r in np.unique(row)]
    assert top.tolist() == wanted


def test_curves_of_some_rows_are_near_those_of_all(monkeypatch):
    random = np.random.default_rng(0)
    match = random.random(20_000) < 0.3
    s = np.where(match, random.beta(6, 2, 20_000), random.beta(2, 6, 20_000)).astype(np.float32)
    s[::7] = np.nan
    curves = []
    for most in (mixture.LEARNT, 5000):
        monkeypatch.setattr(mixture, "LEARNT", most)
        pairs = mixture.Pairs(np.repeat(np.arange(5000), 4), np.arange(20_000), s[:, None], match & False, match | True)
        (curve,), _ = mixture.learn(pairs, match.astype(float))
        curves.append(curve(np.linspace(0.3, 0.7, 9)))
    assert not (curves[0] == curves[1]).all() and np.abs(curves[0] - curves[1]).max() < 0.5


def test_similarities_are_taken_from_the_round_before(world, monkeypatch):
    found = own.align(world / "left", world / "right", world / "seeds.csv", progress=False)
    monkeypatch.setattr(matcher, "LEARNT", matcher.COMPARISONS)  # all are computed anew
    again = own.align(world / "left", world / "right", world / "seeds.csv", progress=False)
    np.testing.assert_array_equal(found.found.pairs.similarity, again.found.pairs.similarity)
    pd.testing.assert_frame_equal(found.matches, again.matches)


def test_of_many_words_around_an_entity_the_rarest(world, monkeypatch):
    graphs, _ = own._graphs([world / "left", world / "right"], "these")
    x = sparse(300, 200, 0)
    all_words = learnt._words_around(graphs[0], x, map)
    monkeypatch.setattr(learnt, "CHUNK", 64)
    np.testing.assert_array_equal(learnt._words_around(graphs[0], x, map).toarray(), all_words.toarray())
    monkeypatch.setattr(learnt, "MAX_WORDS", 300)
    monkeypatch.setattr(learnt, "FEWEST_WORDS", 7)
    few, often = learnt._words_around(graphs[0], x, map).toarray(), (x.toarray() != 0).sum(axis=0)
    for some, every in zip(few, all_words.toarray(), strict=True):
        assert (some > 0).sum() == min(7, (every > 0).sum())
        assert np.array_equal(some[some > 0], every[some > 0])
        assert sorted(often[some > 0]) == sorted(often[every > 0])[:7]


def test_two_workers_of_a_cluster_find_the_same(world, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(candidates, "CELLS", 2**14)
    monkeypatch.setattr(learnt, "CHUNK", 64)
    monkeypatch.setattr(matcher, "PART", 5000)
    asked = [world / "left", world / "right", world / "seeds.csv"]
    here, sent = own.align(*asked, progress=False), []
    spread = cluster._spread
    monkeypatch.setattr(cluster, "_spread", lambda client, *work: sent.append(work[0].func) or spread(client, *work))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as workers:
        there = own.align(*asked, progress=False, dask=workers.scheduler_address)
    assert {*sent} == {candidates._nearest, learnt._around, matcher._similar}
    np.testing.assert_array_equal(here.found.pairs.similarity, there.found.pairs.similarity)
    pd.testing.assert_frame_equal(here.matches, there.matches, check_exact=True)


def test_a_cluster_that_does_not_answer_is_said_before_the_work(world, tmp_path):
    words = ["align", str(world / "left"), str(world / "right"), "--out", str(tmp_path / "run"), "--dask", "nowhere"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2 and "dask=nowhere: no scheduler answers there" in done.output, done.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("address", ["", " ", "a b:8786"])
@pytest.mark.parametrize("more", [[], ["--plan"]])
def test_what_is_no_address_is_refused_before_the_work(world, tmp_path, monkeypatch, address, more):
    monkeypatch.setattr(own, "read_graph", lambda *_: pytest.fail("read"))
    words = ["align", str(world / "left"), str(world / "right"), "--out", str(tmp_path / "new/run"), "--dask", address]
    done = CliRunner().invoke(main, [*words, *more])
    assert done.exit_code == 2 and done.output == (
        f"Error: dask={address!r}: no address of a Dask scheduler; an address looks like tcp://192.168.0.5:8786\n"
    )
    assert not (tmp_path / "new").exists()
    with pytest.raises(DataError, match="no address of a Dask scheduler"):
        own.align(world / "left", world / "right", dask=address)


def test_the_interval_of_many_matches_is_that_of_their_chance():
    many = estimates.MANY
    for precision, weight in ((0.9, 50), (0.5, 20), (1.0, 100)):
        assert np.allclose(estimates.interval(precision, weight, many - 1), estimates.interval(precision, weight, many))


def test_a_plan_says_what_an_alignment_takes_and_does_not_align(world, tmp_path):
    words = ["align", str(world / "left"), str(world / "right"), "--out", str(tmp_path / "run"), "--plan"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("300 and 300 entities, up to 24,000 candidate pairs. Peak memory ")
    assert not [*tmp_path.iterdir()]
    found = own.align(world / "left", world / "right", world / "seeds.csv", progress=False)
    assert len(found.found.pairs.row) <= found.plan.candidates + 30
    assert found.plan.candidates == own.planned(world / "left", world / "right").candidates == 24_000


def test_too_little_memory_is_said_before_the_work(world, monkeypatch):
    expected = own.planned(world / "left", world / "right")
    monkeypatch.setattr(plan, "free_bytes", lambda: expected.more * 0.9)
    found = own.align(world / "left", world / "right", progress=False)
    assert any("it may just fit" in note for note in found.notes)
    monkeypatch.setattr(plan, "free_bytes", lambda: expected.more * 0.7)
    monkeypatch.setattr(own, "find", lambda *a, **k: pytest.fail("it began"))
    with pytest.raises(DataError, match="is expected to take .* GB more of memory, and .* GB are free; free some"):
        own.align(world / "left", world / "right", progress=False)
