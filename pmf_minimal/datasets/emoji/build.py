"""Builds the emoji graphs: ``python -m pmf_minimal.datasets.emoji.build --packages FOLDER --out FOLDER``.

FOLDER of packages is a ``node_modules`` with ``emojibase-data`` 17.0.0, ``@iconify-json/twemoji``,
``@iconify-json/noto``, ``@iconify-json/fluent-emoji-flat`` and ``@iconify-json/logos``. Two runs on one machine give
the same bytes. The data card (``book/data_card.md``) explains what is kept and why.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np

from pmf_minimal.datasets.emoji import PAIRS, SUMS, VENDORS
from pmf_minimal.datasets.emoji.draw import Projection, Vendor, features, logos, write_sheet
from pmf_minimal.datasets.emoji.facts import Graph, read_graph

WIDTH = 64  # numbers per image feature


@click.command()
@click.option("--packages", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(packages: Path, out: Path) -> None:
    """Make the emoji data set from unpacked npm packages."""
    graphs = {language: read_graph(packages, language) for language in VENDORS}
    codes = sorted(graphs["en"].emoji)
    drawings = {}
    for name in sorted(set(VENDORS.values())):
        vendor = Vendor(packages, name)
        drawings[name] = {code: svg for code in codes if (svg := vendor.svg(code))}

    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    tiles = {name: _tiles(name, svgs) for name, svgs in drawings.items()}
    for name, svgs in drawings.items():
        write_sheet(folder / f"{name}.webp", svgs, tiles[name])
    for language, name in VENDORS.items():
        table = {graphs[language].emoji[code]: tile for code, tile in tiles[name].items()}
        _write(folder / f"{language}.tsv", sorted(table.items()))

    seen = features(drawings)
    project = Projection(seen, WIDTH)  # the logos have no part in it: they are seen with the emoji's eyes
    vectors = {name: project(rows) for name, rows in seen.items()}
    write_logos(out / "logos", logos(packages), project)
    for pair, languages in PAIRS.items():
        write_pair(out / pair, [graphs[x] for x in languages], [vectors[VENDORS[x]] for x in languages])

    files = sorted(p for p in out.rglob("*") if os.path.isfile(p) and p.name != SUMS)
    sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(out).as_posix()}" for p in files]
    (out / SUMS).write_text("\n".join(sums) + "\n", "utf-8", newline="\n")
    click.echo(f"{len(files)} files, {sum(p.stat().st_size for p in files) / 1e6:.1f} MB in {out}")


def write_pair(folder: Path, graphs: list[Graph], vectors: list[dict[str, np.ndarray]]) -> None:
    """Write two graphs in the layout of DBP15K and OpenEA, with ids and lines in shuffled order.

    Args:
        folder: folder of the pair; its name seeds the shuffles.
        graphs: the left and the right graph.
        vectors: for each graph, plain code -> float16 ``[d]`` for the emoji that have a picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(folder.name.encode()))
    ids, relation_lines, image_rows = [], [], []
    for side, (graph, table) in enumerate(zip(graphs, vectors, strict=True), start=1):
        entities = _shuffled(rng, sorted(graph.emoji.values()) + graph.others)
        first = len(ids[0]) if ids else 0
        ids.append({uri: first + i for i, uri in enumerate(entities)})
        if len(ids[-1]) < len(entities):
            raise ValueError(f"{folder.name}: two entities of graph {side} share a URI")
        kinds = _shuffled(rng, sorted({relation for _, relation, _ in graph.triples}))
        number = {relation: len(relation_lines) + i for i, relation in enumerate(kinds)}
        relation_lines += [(i, relation) for relation, i in number.items()]
        triples = sorted({(ids[-1][h], number[r], ids[-1][t]) for h, r, t in graph.triples})
        attributes = sorted((uri, *names) for uri, names in graph.attributes.items() if names)
        _write(folder / f"ent_ids_{side}", [(i, uri) for uri, i in ids[-1].items()])
        _write(folder / f"triples_{side}", _shuffled(rng, triples))
        _write(folder / f"training_attrs_{side}", _shuffled(rng, attributes))
        image_rows += [(ids[-1][graph.emoji[code]], vector) for code, vector in table.items()]
    _write(folder / "rel_ids", relation_lines)
    left, right = graphs
    pairs = sorted((ids[0][uri], ids[1][right.emoji[code]]) for code, uri in left.emoji.items())
    _write(folder / "ill_ent_ids", _shuffled(rng, pairs))
    image_rows.sort(key=lambda row: row[0])
    arrays = {"ids": np.array([i for i, _ in image_rows]), "features": np.stack([v for _, v in image_rows])}
    _write_npz(folder / "images.npz", arrays)


def write_logos(folder: Path, svgs: dict[str, str], project: Projection) -> None:
    """Write pictures from outside the emoji world.

    They are numbered along the direction in which their features differ most. So the first and the second half, which go
    into different graphs, are of unlike kinds: put there, none of them should find a twin on the other side.

    Args:
        folder: where to.
        svgs: name -> SVG.
        project: what the emoji's features went through.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vectors = project(features({"logos": svgs})["logos"])
    x = np.stack(list(vectors.values())).astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    _, _, axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    place = x @ axes[0] * np.sign(axes[0, np.abs(axes[0]).argmax()])
    names = [list(svgs)[i] for i in place.argsort()]
    _write(folder / "names.tsv", list(enumerate(names)))
    write_sheet(folder / "sheet.webp", svgs, {name: i for i, name in enumerate(names)})
    arrays = {"ids": np.arange(len(names)), "features": np.stack([vectors[name] for name in names])}
    _write_npz(folder / "images.npz", arrays)


def _tiles(name: str, codes: Iterable[str]) -> dict[str, int]:
    """Tile numbers in a shuffled order."""
    codes = sorted(codes)
    return dict(zip(codes, np.random.default_rng(list(name.encode())).permutation(len(codes)).tolist(), strict=True))


def _shuffled(rng: np.random.Generator, items: list) -> list:
    return [items[i] for i in rng.permutation(len(items))]


def _write(path: Path, rows: list[tuple]) -> None:
    """One line per row, with tabs between its fields."""
    lines = ("\t".join(map(str, row)) + "\n" for row in rows)
    path.write_text("".join(lines), "utf-8", newline="\n")


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As ``np.savez_compressed``, but with a fixed date, so that equal arrays give equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


if __name__ == "__main__":
    main()
