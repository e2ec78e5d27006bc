"""From your own graphs in tables to a :class:`GraphPair`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch

from pmf_minimal.datasets import text
from pmf_minimal.datasets.assemble import Side, assemble, bag, display_name, unit
from pmf_minimal.datasets.escape import printable
from pmf_minimal.datasets.files import zero_matrix
from pmf_minimal.errors import BadFeatures, EmptyFile, UnknownId
from pmf_minimal.graphs import GraphPair
from pmf_minimal.own.clean import clean
from pmf_minimal.own.names import choose_names, without_terms
from pmf_minimal.own.pairs import known_pairs
from pmf_minimal.own.tables import Tables

LETTERS = 2000  # length of the bag of pairs of letters: all that occur in alphabets, the frequent ones of Chinese
SIDES = ("left", "right")


def from_frames(
    left: Tables,
    right: Tables,
    pairs: Iterable = (),
    name: str = "own graphs",
    network: str = "efficientnet-lite0",
    progress: bool = True,
    device: torch.device | str = "cpu",
    strict: bool = False,
) -> GraphPair:
    """Two graphs from tables. Entities are all that occur in the triples, attributes, names, images or features.

    Terms of RDF's own vocabularies and nodes that only hold a synonym are attributes (:func:`~pmf_minimal.own.names.without_terms`).
    Names become the modality ``char``, counts of pairs of neighbouring letters; images ``image``; features keep their
    own name. An entity without a name gets one from its id, where that has words.

    Args:
        left, right: the graphs.
        pairs: known pairs, (left entity, right entity); a table of left and right, or a list of tuples.
        name: what messages call these graphs.
        network: makes features of image files, see :func:`vision.features`.
        progress: show a bar while it does.
        device: where the network runs.
        strict: refuse the first pair that cannot be used. Otherwise such pairs are left out, with a note, unless they are most.

    Returns:
        The graphs with all known pairs and no split yet. ``named``, bool ``[N]``: who has a name, and not an id alone.

    Raises:
        DataError: and always one of its kinds, as :func:`assemble` says. UnknownId: most pairs name an entity that its graph does
            not have, or hardly an id of a file occurs in the triples. DuplicateId: most pairs have an entity of another pair,
            or an entity has two names. BadFeatures: a modality's name is of no use, or its widths differ. MalformedLine: a table
            has other columns, or an empty cell. EmptyFile: a graph has no triples, and no feature that both graphs have.
    """
    both = [clean(tables, f"{name}, {word} graph") for word, tables in zip(SIDES, (left, right), strict=True)]
    both = [without_terms(tables, f"{name}, {word} graph") for word, tables in zip(SIDES, both, strict=True)]
    both, notes = check_tables(both, name)
    names = choose_names(*both)
    sides, relations, kinds = [], {}, {}
    for tables, labels in zip(both, names, strict=True):
        number = {e: i for i, e in enumerate(tables.entities())}
        sides.append(
            Side(
                list(number),
                _numbers(tables.triples.to_numpy(), number, relations, number),
                _numbers(tables.attributes.iloc[:, :2].to_numpy(), number, kinds),
                names=[labels.get(e) or display_name(e) for e in number],
            )
        )
    numbers = [{e: i for i, e in enumerate(side.uris)} for side in sides]
    known, remarks = known_pairs(pairs, numbers, name, strict)
    features = _features(both, _letters(names, numbers), numbers, network, progress, device)
    graphs = assemble(name, *sides, known, list(relations), features)
    graphs.named = torch.tensor([e in labels for side, labels in zip(sides, names, strict=True) for e in side.uris])
    for note in (*both[0].notes, *both[1].notes, *notes, *remarks, *_poor(graphs, sides, name)):
        graphs.notes.append(printable(note))
    return graphs


def check_tables(both: list[Tables], name: str, taken: Iterable[str] = ()) -> tuple[list[Tables], list[str]]:
    """Both graphs with the features that both have, and sentences on what is strange about them.

    Args:
        taken: what features may not be called, beside the usual names.

    Raises:
        BadFeatures, UnknownId: as :func:`from_frames`.
    """
    both, notes = _features_of_both(*both, taken)
    return both, notes + _strangers(both, name)


def _poor(graphs: GraphPair, sides: list[Side], name: str) -> list[str]:
    """Sentences on what a graph lacks; EmptyFile if there is nothing to match its entities by."""
    notes = []
    for word, side in zip(SIDES, sides, strict=True):
        if not len(side.triples):
            if not any(all(mask.any() for mask in graphs.side(m)) for m in graphs.features):
                raise EmptyFile(
                    f"{name}: the {word} graph has no triples, nor a feature that both graphs have; give one of them"
                )
            notes.append(f"the {word} graph has no triples: its entities are matched by their features alone")
        blank = sum(uri.startswith("_:") for uri in side.uris)
        if blank:
            notes.append(
                f"{blank} of {len(side.uris)} entities of the {word} graph are blank nodes; no other file could name "
                "them, so they are never matched"
            )
    return notes


def _strangers(both: list[Tables], name: str) -> list[str]:
    """Sentences on the ids of files that no triple has; UnknownId if those are more than nine in ten."""
    found, linked = [], []
    for tables in both:
        parts = {"names": tables.names, "images": tables.images, "attributes": tables.attributes["entity"]}
        mine = [e for what, ids in parts.items() if what not in tables.files for e in ids]
        linked.append({*tables.triples["head"], *tables.triples["tail"], *mine})
        parts = {what: ids for what, ids in parts.items() if what in tables.files}
        found.append(parts | {modality: table.index for modality, table in tables.features.items()})
    notes = []
    for k, (word, tables) in enumerate(zip(SIDES, both, strict=True)):
        for what, ids in found[k].items():
            ids = dict.fromkeys(ids)
            strange = [e for e in ids if e not in linked[k]]
            if not strange or not linked[k]:  # a graph without triples cannot have them
                continue
            where = tables.files.get(what, f"{name}, {word} graph, {what}")
            told = f"{where}: {len(strange)} of {len(ids)} ids, such as {strange[0]!r}, are in no triple of the {word} graph"
            if len(strange) > 0.9 * len(ids):
                fits = what in found[1 - k] and len(linked[1 - k] & ids.keys()) > 0.1 * len(ids)
                raise UnknownId(f"{told}; {'swap the two files' if fits else 'give the ids that the triples have'}")
            notes.append(f"{told}; they stay, as entities without triples")
    return notes


def _numbers(cells: np.ndarray, *vocabularies: dict[str, int]) -> np.ndarray:
    """int64 of the same shape; what a vocabulary does not have yet is added to it."""
    columns = [[v.setdefault(c, len(v)) for c in column] for v, column in zip(vocabularies, cells.T, strict=True)]
    return np.array(columns, dtype=np.int64).T.reshape(-1, len(vocabularies))


def _features_of_both(left: Tables, right: Tables, taken: Iterable[str]) -> tuple[list[Tables], list[str]]:
    """The graphs with the features that both have, and a sentence on each that is left out.

    Raises:
        BadFeatures: a modality's name is of no use, or the two graphs' rows differ in width.
    """
    reserved = {"joint", "structure", "relation", "attribute", "char", *taken}
    if left.images or right.images:
        reserved.add("image")
    notes = []
    for modality in dict.fromkeys([*left.features, *right.features]):
        if modality in reserved:
            where = " where there are pictures" if modality == "image" else ""
            raise BadFeatures(f"{modality!r}: this name is reserved{where}; give the features another one")
        _check_name(modality)
        found = [
            (t.files.get(modality, f"{word} graph"), t.features.get(modality))
            for word, t in zip(SIDES, (left, right), strict=True)
        ]
        for k, word in enumerate(SIDES):
            if found[k][1] is None:
                notes.append(f"{modality} is left out: {found[1 - k][0]} has it, and the {word} graph does not")
        if all(table is not None for _, table in found) and found[0][1].shape[1] != found[1][1].shape[1]:
            widths = " and ".join(f"{where}: {table.shape[1]}" for where, table in found)
            raise BadFeatures(f"{modality}: numbers of each entity differ, {widths}; give features of one width")
    common = [m for m in left.features if m in right.features]
    return [replace(t, features={m: t.features[m] for m in common}) for t in (left, right)], notes


def _check_name(modality) -> None:
    """BadFeatures unless it may name a column, a file and a tensor."""
    if (
        not isinstance(modality, str)
        or not 0 < len(modality) <= 64
        or modality != modality.strip()
        or printable(modality) != modality
        or any(c in "/\\" for c in modality)
    ):
        raise BadFeatures(
            f"{str(modality)[:64]!r}: not a name for features; give 1 to 64 printable characters without a slash"
        )


def _letters(names: list[dict[str, str]], numbers: list[dict[str, int]]) -> np.ndarray:
    """What :func:`text.bigrams` says of the names of both graphs."""
    words = {}
    for labels, number, first in zip(names, numbers, (0, len(numbers[0])), strict=True):
        words |= {first + number[e]: label.lower().split() for e, label in labels.items()}
    return text.bigrams(words, {row: row for row in words})


def _features(
    both: list[Tables], letters: np.ndarray, numbers: list[dict[str, int]], network: str, progress: bool, device
) -> dict:
    """modality -> (float32 ``[N, d]``, None), what ``assemble`` expects."""
    shift = (0, len(numbers[0]))
    n = len(numbers[0]) + len(numbers[1])

    def rows(part: Iterable[str], k: int) -> list[int]:
        return [shift[k] + numbers[k][e] for e in part]

    features = {}
    if len(letters):
        features["char"] = (bag(letters, n, LETTERS), None)
    pictured = [row for k, tables in enumerate(both) for row in rows(tables.images, k)]
    if pictured:
        paths = [path for tables in both for path in tables.images.values()]
        from pmf_minimal.datasets import vision  # image files alone need its extra

        vectors = vision.features(paths, network, device, progress).numpy()
        x = zero_matrix(n, vectors.shape[1], "images")
        x[pictured] = vectors
        features["image"] = (unit(x), None)
    for modality, table in both[0].features.items():
        x = zero_matrix(n, table.shape[1], modality)
        for k, tables in enumerate(both):
            x[rows(tables.features[modality].index, k)] = tables.features[modality].to_numpy()
        features[modality] = (unit(x), None)
    return features
