"""Two graphs of one synthetic world as files, of any size: names with typing errors, values, links, and entities without counterpart.

Unlike :func:`~pmf_minimal.datasets.synthetic.generate` it makes what ``align`` reads, and its entities have names. Nothing in it grows
faster than the number of entities, so that a world of a million is written in about two minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal.datasets.folders import claimed, new_folder, write_each
from pmf_minimal.datasets.synthetic import RELATIONS, facts, shared_things
from pmf_minimal.errors import DataError

#: Facts of a thing, on average, and the share of facts and values that each graph keeps.
DEGREE, SURVIVES = 6.0, 0.7
#: Share of each graph's entities without counterpart, and of those that the right graph gives no name.
DANGLING, NAMELESS = 0.2, 0.03
#: Shares of the right graph's names with a typing error, with two, and with their last word first.
TYPOS = (0.25, 0.1, 0.1)
#: First words of names; words of the other kind grow with the number of things to the power 0.6, as in texts (Heaps' law).
FIRST, OTHER, HEAPS = 1000, 30, 0.6
#: The few commonest words of a vocabulary are about as common as each other: Zipf's law begins after so many.
FLAT = {"first": 30, "other": 50}
#: A thing has each of the values with this probability; numbers are blurred by so much in each graph; there are so many towns.
HAS, BLUR, TOWNS = 0.6, 0.01, 500
#: What a thing's values are called in the two graphs.
PROPERTIES = {"date": ("born", "dateOfBirth"), "town": ("town", "residence"), "size": ("size", "extent")}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LARGEST = 10**7


@dataclass(frozen=True)
class _Things:
    """What there is: names ``[size]``, properties -> values ``[size]`` and who has one, and facts, ends ``[2, F]`` and kind ``[F]``."""

    names: list[str]
    values: dict[str, np.ndarray]
    has: dict[str, np.ndarray]
    ends: np.ndarray
    kind: np.ndarray


def write(folder: str | Path, n: int, *, known: int = 0, seed: int = 0) -> None:
    """Write a world of n entities a side into a new folder.

    ``left`` and ``right`` are folders of ``triples.csv``, ``names.csv`` and ``attributes.csv``, as ``align`` reads them. ``truth.csv`` holds
    the pairs of 80 % of the entities of either graph, in random order, and ``seeds.csv`` the first ``known`` of them.

    Facts are those of :func:`~pmf_minimal.datasets.synthetic.generate`: few things are in many of them and many in few (a power law,
    exponent 2.5). Things may be namesakes, which values and facts tell apart. The right graph misspells some names, and lacks others.

    Args:
        folder: must not be there yet.
        n: entities of each graph, 20 to ten million.
        known: pairs in ``seeds.csv``; no such file for 0.
        seed: decides everything.

    Raises:
        DataError: a number that cannot be had; the folder is there, or cannot be written.
    """
    if not 20 <= n <= LARGEST:
        raise DataError(f"{n} entities a side: a world has 20 to {LARGEST:,}; give another number")
    shared = shared_things(n, DEGREE, SURVIVES, DANGLING)
    if not 0 <= known <= shared:
        raise DataError(f"{known} known pairs of {shared}: give a number from 0 to {shared}")
    with claimed(Path(folder)):
        _write(Path(folder), n, shared, known, seed)


def _write(folder: Path, n: int, shared: int, known: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    things = _things(rng, 2 * n - shared)
    alone = np.split(np.arange(shared, 2 * n - shared), 2)
    sides = [rng.permutation(np.append(np.arange(shared), part)) for part in alone]  # number -> thing
    with new_folder(folder) as part:
        ids = []
        for word, k in (("left", 0), ("right", 1)):
            (part / word).mkdir()
            numbers = np.full(2 * n - shared, -1)
            numbers[sides[k]] = np.arange(n)
            ids.append(np.array([f"http://{word}.example/{i}" for i in numbers.tolist()], object))
            _write_graph(part / word, rng, things, sides[k], ids[k], numbers >= 0, k)
        pairs = rng.permutation(shared)
        truth = pd.DataFrame({"left": ids[0][pairs], "right": ids[1][pairs]})
        write_each(
            lambda: truth.to_csv(part / "truth.csv", index=False),
            lambda: truth[:known].to_csv(part / "seeds.csv", index=False) if known else None,
        )


def _things(rng: np.random.Generator, size: int) -> _Things:
    ends, kind = facts(rng, size, DEGREE)
    first = _words(rng, FIRST)
    other = _words(rng, round(OTHER * size**HEAPS))
    given, family, third = (
        _drawn(rng, size, len(words), FLAT[which]).tolist()
        for which, words in (("first", first), ("other", other), ("other", other))
    )
    long = (rng.random(size) < 0.5).tolist()
    names = [
        f"{first[a]} {other[c]} {other[b]}" if three else f"{first[a]} {other[b]}"
        for a, b, c, three in zip(given, family, third, long, strict=True)
    ]
    days = np.datetime64("1800-01-01") + rng.integers(0, 80_000, size)
    towns = np.array(_words(rng, TOWNS), object)[_drawn(rng, size, TOWNS, FLAT["first"])]
    values = {"date": days, "town": towns, "size": rng.lognormal(8, 2, size)}
    return _Things(names, values, {name: rng.random(size) < HAS for name in values}, ends, kind)


def _words(rng: np.random.Generator, count: int) -> list[str]:
    """Distinct words of two to four syllables that begin with a capital."""
    onsets, vowels, codas = (
        ["b", "br", "ch", "d", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w"],
        "aeiou",
        ["", "", "l", "n", "r", "s"],
    )
    syllables = [a + b + c for a in onsets for b in vowels for c in codas]
    found: dict[str, None] = {}
    while len(found) < count:
        length, parts = rng.integers(2, 5, count).tolist(), rng.integers(0, len(syllables), (count, 4)).tolist()
        for k, some in zip(length, parts, strict=True):
            found["".join(syllables[s] for s in some[:k]).capitalize()] = None
    return list(found)[:count]


def _drawn(rng: np.random.Generator, size: int, words: int, flat: int) -> np.ndarray:
    """int64 ``[size]``: numbers of words by Zipf's law."""
    frequency = 1 / (np.arange(words) + flat)
    return rng.choice(words, size, p=frequency / frequency.sum())


def _write_graph(
    folder: Path,
    rng: np.random.Generator,
    things: _Things,
    mine: np.ndarray,
    ids: np.ndarray,
    known: np.ndarray,
    side: int,
) -> None:
    seen = rng.permutation(np.flatnonzero((rng.random(len(things.kind)) < SURVIVES) & known[things.ends].all(axis=0)))
    head, tail = things.ends[:, seen]
    relation = np.array([f"{'pq'[side]}{k}" for k in rng.permutation(RELATIONS)], object)
    triples = pd.DataFrame({"head": ids[head], "relation": relation[things.kind[seen]], "tail": ids[tail]})
    names = [things.names[i] for i in mine.tolist()]
    if side:
        names = _misspelt(rng, names, np.isin(mine, [head, tail]))
    named = pd.DataFrame({"entity": ids[mine], "name": names})
    parts = []
    for what, value in things.values.items():
        some = mine[things.has[what][mine] & (rng.random(len(mine)) < SURVIVES)]
        told = value[some]
        if what == "size":
            told = np.round(told * (1 + BLUR * rng.standard_normal(len(some))), 2)
        parts.append(
            pd.DataFrame({"entity": ids[some], "attribute": PROPERTIES[what][side], "value": told.astype(str)})
        )
    write_each(
        lambda: named[named["name"] != ""].to_csv(folder / "names.csv", index=False),
        lambda: triples.to_csv(folder / "triples.csv", index=False),
        lambda: pd.concat(parts).to_csv(folder / "attributes.csv", index=False),
    )


def _misspelt(rng: np.random.Generator, names: list[str], linked: np.ndarray) -> list[str]:
    """The names as the right graph has them; empty where it has none, which only those lack that are in some triple."""
    one, two, turned = TYPOS
    draw = rng.random(len(names))
    errors = np.where(draw < two, 2, np.where(draw < one + two, 1, 0)).tolist()
    order = (rng.random(len(names)) < turned).tolist()
    lacking = ((rng.random(len(names)) < NAMELESS) & linked).tolist()
    how, where, letter = (rng.integers(0, high, (len(names), 2)).tolist() for high in (4, 2**30, 26))
    out = []
    for k, name in enumerate(names):
        if lacking[k]:
            out.append("")
            continue
        for e in range(errors[k]):
            i, new = where[k][e] % (len(name) - 1), LETTERS[letter[k][e]]
            # A letter is left out, replaced, put in, or changes places with the next one.
            name = (
                name[:i] + ("", new, name[i] + new, name[i + 1] + name[i])[how[k][e]] + name[i + 1 + (how[k][e] == 3) :]
            )
        if order[k]:
            rest, _, last = name.rpartition(" ")
            name = f"{last}, {rest}"
        out.append(name)
    return out
