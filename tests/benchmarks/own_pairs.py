"""Further pairs for ``own_graphs.py``, on which nothing was tuned: ``python tests/benchmarks/own_pairs.py FOLDER``.

Made from the emoji of the package and from the benchmarks below PMF_DATA: emoji in two languages, DBP15K and OpenEA with names or with
their links alone, persons with typing errors and fewer columns, countries half of which lost their names, products whose counterparts are
missing, and pairs of graphs that have nothing in common (whose ``truth.csv`` is empty).
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

import pmf_minimal as pmf
from pmf_minimal import own
from pmf_minimal.own.tables import Tables

DATA = Path(os.environ["PMF_DATA"])


def write(folder, sides, truth, features=()):
    """A pair of folders of tables."""
    for word, tables in zip(("left", "right"), sides, strict=True):
        place = folder / word
        place.mkdir(parents=True)
        if len(tables.triples):
            tables.triples.to_csv(place / "triples.csv", index=False, header=["head", "relation", "tail"])
        if tables.attributes is not None and len(tables.attributes):
            tables.attributes.to_csv(place / "attributes.csv", index=False, header=["entity", "attribute", "value"])
        if len(tables.names):
            pd.DataFrame(tables.names.items(), columns=["entity", "name"]).to_csv(place / "names.csv", index=False)
    for word, tables in zip(("left", "right"), features, strict=False):
        for name, (ids, x) in tables.items():
            np.savez(folder / f"{word}-{name}.npz", ids=np.array(ids), features=x)
    pd.DataFrame(truth, columns=["left", "right"]).to_csv(folder / "truth.csv", index=False)


def emoji(folder, name, shared=None, alone=0):
    """Emoji with names, links and looks; with ``shared`` so many pairs of them, and so many on each side that have none."""
    graphs = pmf.load(name)
    order = np.random.default_rng(0).permutation(len(graphs.pairs))[: shared and shared + 2 * alone]
    pairs = graphs.pairs.numpy()[order].tolist()
    rows = [{i for i, _ in pairs}, {j for _, j in pairs}]
    if shared:
        rows = [{i for i, _ in pairs[: shared + alone]}, {j for _, j in pairs[:shared] + pairs[shared + alone :]}]
        pairs = pairs[:shared]
    ids = ["http://example.org/" + quote(uri) for uri in graphs.uris]
    sides, features = [], []
    for side, chosen in enumerate(rows):
        links = []
        for (h, t), r in zip(graphs.edge_index.T.tolist(), graphs.edge_type.tolist(), strict=True):
            if (h < graphs.n_left) == (side == 0) and (h in chosen or not shared):
                links.append((ids[h], quote(graphs.relation_names[r]), ids[t]))
        names = {ids[i]: graphs.entity_names[i] for i in chosen}
        looks = [i for i in chosen if graphs.masks["image"][i]]
        sides.append(Tables(pd.DataFrame(links, columns=["head", "relation", "tail"]), names=names))
        features.append({"looks": ([ids[i] for i in looks], graphs.features["image"][looks].numpy())})
    write(folder, sides, [(ids[i], ids[j]) for i, j in pairs], features)


def benchmark(folder, name, size, names, disjoint=False):
    """So many pairs of a benchmark with the links among them; a tenth of each side lost its counterpart. Ids are numbers."""
    graphs = pmf.load(name, DATA)
    # Those with many links, so that there are some among them.
    degree = np.bincount(graphs.edge_index.numpy().ravel(), minlength=graphs.num_nodes)
    pairs = graphs.pairs.numpy()
    pairs = pairs[np.argsort(-degree[pairs].min(axis=1), kind="stable")]
    if disjoint:
        rows, truth = [pairs[: 2 * size : 2, 0], pairs[1 : 2 * size : 2, 1]], []
    else:
        pairs = pairs[: size + size // 5]
        lost = np.random.default_rng(1).permutation(len(pairs))
        gone = lost[: size // 10], lost[size // 10 : size // 5]
        rows = [np.delete(pairs[:, 0], gone[0]), np.delete(pairs[:, 1], gone[1])]
        truth = np.delete(pairs, np.r_[gone], axis=0)
    translated = {}
    if name.startswith("dbp15k"):
        listed = json.loads((DATA / "DBP15K/translated_ent_name/dbp_zh_en.json").read_text("utf-8"))
        translated = {int(k): " ".join(words) for k, words in listed}
    number = np.random.default_rng(2).permutation(graphs.num_nodes)
    sides = []
    for chosen in rows:
        mine = set(chosen.tolist())
        links = [
            (f"e{number[h]}", graphs.relation_names[r], f"e{number[t]}")
            for (h, t), r in zip(graphs.edge_index.T.tolist(), graphs.edge_type.tolist(), strict=True)
            if h in mine and t in mine
        ]
        called = {}
        if names:
            for i in sorted(mine):
                text = translated.get(int(graphs.source_ids[i])) if i < graphs.n_left else None
                called[f"e{number[i]}"] = text or graphs.entity_names[i].replace("_", " ")
        sides.append(Tables(pd.DataFrame(links, columns=["head", "relation", "tail"]), names=called))
    write(folder, sides, [(f"e{number[i]}", f"e{number[j]}") for i, j in truth])


def persons(folder):
    """Values with a typing error in one of three, and without names on the left for a third."""
    random, sides = np.random.default_rng(3), []
    for word in ("left", "right"):
        tables = own.read_graph(DATA / "own" / "persons" / f"{word}.ttl")
        table = tables.attributes.copy()
        if word == "left":
            name = table["attribute"].str.contains("given_name|surname", regex=True)
            table = table[~(name & (random.random(len(table)) < 0.3))]
        wrong = (random.random(len(table)) < 1 / 3) & (table["value"].str.len() > 3)
        places = [int(random.integers(len(v))) for v in table["value"]]
        table["value"] = [
            v[:k] + v[k + 1 :] if bad else v for v, k, bad in zip(table["value"], places, wrong, strict=True)
        ]
        table = table[~table["attribute"].str.contains("phone|soc_sec|date", regex=True)]
        sides.append(Tables(tables.triples, table))
    truth = pd.read_csv(DATA / "own" / "persons" / "truth.csv", dtype=str)
    write(folder, sides, truth.to_numpy().tolist())


def countries(folder):
    """Half of the names are gone on the right."""
    sides = [own.read_graph(DATA / "own" / "countries_fr" / word) for word in ("left", "right")]
    random = np.random.default_rng(4)
    sides[1].names = {e: name for e, name in sides[1].names.items() if random.random() < 0.5}
    truth = pd.read_csv(DATA / "own" / "countries_fr" / "truth.csv", dtype=str)
    write(folder, [Tables(s.triples, s.attributes, s.names) for s in sides], truth.to_numpy().tolist())


def products(folder):
    """Half of the products that have a counterpart on the right are gone there; titles alone."""
    sides = [own.read_graph(DATA / "own" / "amazon_google" / f"{word}.csv") for word in ("left", "right")]
    truth = pd.read_csv(DATA / "own" / "amazon_google" / "truth.csv", dtype=str)
    gone = set(truth["right"][np.random.default_rng(5).random(len(truth)) < 0.5])
    made = []
    for k, tables in enumerate(sides):
        table = tables.attributes[tables.attributes["attribute"] == "title"]
        table = table[~table["entity"].isin(gone)] if k else table
        made.append(Tables(tables.triples, table))
    write(folder, made, truth[~truth["right"].isin(gone)].to_numpy().tolist())


def strangers(folder, left, right):
    """Two graphs of which no two entities are the same thing."""
    write(folder, [own.read_graph(DATA / "own" / path) for path in (left, right)], [])


def main(root):
    for language in ("fr", "ja", "de", "zh"):
        emoji(root / f"cut_{language}", f"emoji/{language}_en", 160, 40)
    for language in ("ja", "de"):
        emoji(root / f"emoji_{language}", f"emoji/{language}_en")
    for source, name in (("dbp", "dbp15k/zh_en"), ("openea", "openea/en_fr_v1")):
        benchmark(root / f"{source}_names", name, 2000, True)
        benchmark(root / f"{source}_links", name, 2000, False)
        benchmark(root / f"none_{source}", name, 1500, True, disjoint=True)
    persons(root / "persons_typos")
    countries(root / "countries_half")
    products(root / "products_half")
    strangers(root / "none_persons", "persons/left.ttl", "restaurants/right.ttl")
    strangers(root / "none_products", "amazon_google/left.csv", "restaurants/right.ttl")
    strangers(root / "none_countries", "countries_fr/left", "persons/right.ttl")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
