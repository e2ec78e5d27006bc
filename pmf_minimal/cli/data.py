"""Command line: ``python -m pmf_minimal data …``, what data sets there are and whether they are whole."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from pmf_minimal.cli.say import InputError, say
from pmf_minimal.datasets.escape import one_line

# Whatever needs PyTorch is imported where it is used: --help answers at once.

ROOT = click.option("--root", type=click.Path(path_type=Path), help="Folder of the benchmarks [default: $PMF_DATA].")
ABOUT = {
    "emoji": "emoji in two languages as two vendors draw them; comes with the package",
    "dbp15k": "DBpedia in two languages (DBP15K)",
    "openea": "OpenEA's samples of DBpedia and Wikidata with images (Multi-OpenEA)",
    "mmkg": "Freebase and DBpedia or YAGO with images (MMKG)",
}


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """The place of the results, for this process alone; whatever is wrong with it is said before the work, not after it."""
    from pmf_minimal.datasets import folders
    from pmf_minimal.errors import NotWritable

    with ExitStack() as stack:
        try:
            stack.enter_context(folders.claimed(out))
        except NotWritable as error:
            raise InputError(f"{error} with --out") from None
        yield


@contextmanager
def user_errors():
    """A DataError becomes one sentence; what readers repaired is said once they are done."""
    from pmf_minimal.errors import DataError, DataWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        try:
            yield
        except DataError as error:
            raise InputError(str(error)) from None
        except (MemoryError, RuntimeError) as error:
            if (
                isinstance(error, RuntimeError)
                and "allocate memory" not in str(error)
                and "out of memory" not in str(error)
            ):
                raise
            told = " ".join([one_line(str(error), 200), *getattr(error, "__notes__", ())])
            raise InputError(
                f"there is not enough memory ({told}); take a smaller batch_size or dim, or fewer data"
            ) from None
    for warning in caught:
        if issubclass(warning.category, DataWarning):
            say(f"Repaired: {one_line(str(warning.message))}", err=True)
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


@click.group()
def data():
    """Data sets: which there are, whether they are whole, what is in them."""


@data.command("list")
@ROOT
def list_(root):
    """All data sets that are read from files, by name, what they are, and whether they lie below --root."""
    from pmf_minimal.datasets import DATASETS

    root = root or os.environ.get("PMF_DATA")
    for name, source in DATASETS.items():
        family = name.split("/")[0]
        if family == "emoji":
            place = "here"
        elif root is None:
            place = "unknown: no --root, no PMF_DATA"
        else:
            folder = Path(root) / source.folder
            place = f"here: {folder}" if os.path.isdir(folder) else f"not here: {folder}"
        say(f"{name:<16}{source.table or '':<24}{place}")
    say()
    for family, about in ABOUT.items():
        say(f"{family + '/…':<16}{about}")
    say("\nWhat is missing and where it is published: python -m pmf_minimal data check FOLDER")


@data.command()
@click.argument("folder", type=click.Path(path_type=Path))
def check(folder):
    """Look through FOLDER for the nine benchmarks.

    Says of each which parts are there, which are missing and where their authors publish them, and compares what is there with
    the paper's Table 4, number by number. Exit code 1 if a number differs or a file cannot be read.
    """
    from pmf_minimal.datasets import catalogue

    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder; name the one that holds DBP15K, OpenEA, FBDB15K, FBYG15K and pkls")
    good = True
    for name in catalogue.benchmarks():
        lines, right = catalogue.report(name, folder)
        good &= right
        say("\n".join(lines) + "\n")
    say("All that is here can be read and is as in Table 4." if good else "Something differs or cannot be read.")
    raise SystemExit(0 if good else 1)


@data.command()
@click.argument("name")
@ROOT
@click.option("--images", type=click.Path(path_type=Path), help="File of image features (npz, npy, safetensors, pkl).")
def show(name, root, images):
    """What is in the data set NAME: counts, features, some pairs and triples."""
    from pmf_minimal.datasets import load

    with user_errors():
        graphs = load(name, root, images)
    say(f"{graphs}\n\n{graphs.summary().to_string()}\n")
    for modality, x in graphs.features.items():
        say(f"{modality}: {x.shape[1]} numbers for {int(graphs.masks[modality].sum())} of {len(x)} entities")
    for note in graphs.notes:
        say(note)
    names, ids = graphs.entity_names, graphs.source_ids.tolist()
    say("\nKnown pairs, the first five:")
    for left, right in graphs.pairs[:5].tolist():
        say(f"  {names[left]} ({ids[left]}) = {names[right]} ({ids[right]})")
    for title, rows in (
        ("left", graphs.edge_index[0] < graphs.n_left),
        ("right", graphs.edge_index[0] >= graphs.n_left),
    ):
        say(f"Triples of the {title} graph, the first five:")
        for k in rows.nonzero().ravel()[:5].tolist():
            head, tail = graphs.edge_index[:, k].tolist()
            relation = graphs.relation_names[graphs.edge_type[k]]
            say(f"  {names[head]} → {relation} → {names[tail]}")


@data.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--entities", type=int, default=1000, show_default=True, help="Entities of each graph.")
@click.option("--known", type=int, default=0, help="Known pairs in seeds.csv [default: no such file].")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides everything.")
def make(folder, entities, known, seed):
    """Write two graphs of a synthetic world into the new FOLDER: left, right, truth.csv, and perhaps seeds.csv.

    They have names with typing errors, values, and links, and 20 % of the entities of each have no counterpart. Align them with
    `align FOLDER/left FOLDER/right --seeds FOLDER/seeds.csv`.
    """
    from pmf_minimal.cli.halts import halting
    from pmf_minimal.datasets import worlds

    with halting(lambda: "nothing was written; give the same command again."), user_errors():
        worlds.write(folder, entities, known=known, seed=seed)
    say(f"Two graphs of {entities} entities each in {folder}")


@data.command()
@click.argument("archive", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
def unpack(archive, folder):
    """Unpack a zip ARCHIVE into the new FOLDER, whole or not at all.

    Refuses archives that would write outside the folder, hold links, or fill the disk.
    """
    from pmf_minimal.cli.halts import halting
    from pmf_minimal.datasets.archives import unpack

    with halting(lambda: "nothing was unpacked; give the same command again."), user_errors():
        count = unpack(archive, folder)
    say(f"{count} files in {folder}")
