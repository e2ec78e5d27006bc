"""A graph of your own as it is compared: what its entities are called, what is said of them, and how they are linked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, diags_array

from pmf_minimal.datasets.assemble import display_name
from pmf_minimal.datasets.escape import printable
from pmf_minimal.own.names import choose_names, holds_name, words_of_id
from pmf_minimal.own.rdf import LABELS
from pmf_minimal.own.tables import Tables
from pmf_minimal.own.words import MAX_TEXT, fold

TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
#: Names of an entity that are compared.
MAX_NAMES = 8
#: A property may give names if so many of its values are distinct, if they are so long at most, and so many of their characters letters.
MIN_DISTINCT, MAX_LETTERS, MIN_LETTERS = 0.5, 80, 0.5
#: Properties beside the usual ones that names are taken from, at most.
MAX_FOUND = 20
#: Entities with more links than this are described by none of them, and those with more than that lead to nothing beyond.
MAX_LINKS, MAX_BETWEEN = 500, 30
_HINT = re.compile(r"name|title|label|term", re.IGNORECASE)


@dataclass
class Graph:
    """One graph, its n entities numbered in the order of their first mention.

    Attributes:
        ids: n strings.
        names: n lists, what each entity is called, the name to show first; empty where nothing but a code is known.
        values: columns entity (number), attribute, value: all literals that are no name.
        said: columns entity, attribute: every property of an entity, names too, and classes that are no entities.
        links: int64 ``[E, 3]``: head, relation, tail.
        relations: what the relations are called.
        images: entity -> picture file. features: name -> table of numbers, entities as index.
        name_properties: which properties the names were taken from.
    """

    ids: list[str]
    names: list[list[str]]
    values: pd.DataFrame
    said: pd.DataFrame
    links: np.ndarray
    relations: list[str]
    images: Mapping[str, Path] = field(default_factory=dict)
    features: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    name_properties: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def number(self) -> dict[str, int]:
        """Entity -> its number."""
        return {e: i for i, e in enumerate(self.ids)}

    @cached_property
    def blank(self) -> np.ndarray:
        """bool ``[n]``: blank nodes, which no other file could name."""
        return np.array([e.startswith("_:") for e in self.ids], bool)

    @cached_property
    def neighbours(self) -> csr_array:
        """Sparse float32 ``[n, n]``: 1 where two entities are linked, in either direction."""
        head, _, tail = self.links.T
        ends = np.concatenate([head, tail]), np.concatenate([tail, head])
        out = csr_array((np.ones(len(ends[0]), np.float32), ends), shape=(len(self), len(self)))
        out.data[:] = 1
        return out

    @cached_property
    def reach(self) -> tuple[csr_array, csr_array]:
        """Sparse ``[n, n]``: those an entity is linked to, and those two links away; entities with very many links reach none."""
        a = self.neighbours
        links = np.diff(a.indptr)
        one, between = (
            csr_array(diags_array((links <= most).astype(np.float32)) @ a) for most in (MAX_LINKS, MAX_BETWEEN)
        )
        two = csr_array(one @ between)
        two.setdiag(0)
        two.eliminate_zeros()
        two.data[:] = 1
        return one, two

    @cached_property
    def kinds(self) -> np.ndarray:
        """int64 ``[n]``, number of each entity's kind: its commonest class, else the commonest of its properties that not most entities have."""
        relation = np.array([*self.relations, ""], object)[self.links[:, 1]]
        typed = relation == TYPE
        classes = np.array(self.ids, object)[self.links[typed, 2]]
        parts = [
            (self.said["entity"], self.said["attribute"], self.said["attribute"].str.startswith(TYPE)),
            (self.links[typed, 0], classes, True),
            (self.links[~typed, 0], "> " + relation[~typed], False),
            (self.links[~typed, 2], "< " + relation[~typed], False),
        ]
        table = pd.concat([pd.DataFrame({"entity": e, "what": w, "class": c}) for e, w, c in parts]).drop_duplicates()
        table["often"] = table.groupby("what")["entity"].transform("size")
        table = table[table["class"] | (table["often"] <= len(self) / 2)].sort_values(["class", "often", "what"])
        kind = table.drop_duplicates("entity", keep="last").set_index("entity")["what"]
        return pd.factorize(kind.reindex(range(len(self))).fillna(""))[0]

    @cached_property
    def link_orders(self) -> tuple[np.ndarray, np.ndarray]:
        """Order of ``links`` by head and by tail, int64 ``[E]`` each, so that those of one entity are found at once."""
        return self.links[:, 0].argsort(kind="stable"), self.links[:, 2].argsort(kind="stable")

    def shown(self, i: int) -> str:
        """What people see of an entity."""
        return printable(self.names[i][0] if self.names[i] else display_name(self.ids[i]))

    def describe(self, entity: str, limit: int = 50) -> dict[str, list[str]]:
        """Attribute -> values of an entity: its names, then its literals, then the names of those it is linked to.

        Args:
            entity: its id.
            limit: values of each attribute, at most.

        Raises:
            KeyError: there is no such entity.
        """
        i = self.number[entity]
        found: dict[str, list[str]] = {"name": list(self.names[i])}
        mine = self.values.iloc[slice(*np.searchsorted(self.values["entity"].to_numpy(), [i, i + 1]))]
        for attribute, value in zip(mine["attribute"], mine["value"], strict=True):
            found.setdefault(_last(attribute), []).append(value)
        for out, (mine, other) in ((True, (0, 2)), (False, (2, 0))):
            order = self.link_orders[mine == 2]
            start, stop = np.searchsorted(self.links[:, mine], [i, i + 1], sorter=order)
            for link in self.links[order[start:stop]][:limit]:
                relation = _last(self.relations[link[1]])
                found.setdefault(relation if out else f"{relation} of", []).append(self.shown(link[other]))
        return {printable(a): [printable(v) for v in dict.fromkeys(some)][:limit] for a, some in found.items() if some}


def graphs_of(left: Tables, right: Tables) -> list[Graph]:
    """Both graphs from tables that :func:`clean` and :func:`without_terms` have passed."""
    shown = choose_names(left, right)
    return [_graph(tables, first) for tables, first in zip((left, right), shown, strict=True)]


def _graph(tables: Tables, shown: dict[str, str]) -> Graph:
    ids = list(tables.entities())
    number = {e: i for i, e in enumerate(ids)}
    relations: dict[str, int] = {}
    links = np.array(
        [(number[h], relations.setdefault(r, len(relations)), number[t]) for h, r, t in tables.triples.to_numpy()],
        dtype=np.int64,
    ).reshape(-1, 3)
    values = tables.attributes.iloc[:, :3].copy()
    if "value" not in values:
        values["value"] = ""
    values["entity"] = values["entity"].map(number).astype(np.int64)
    said = values[["entity", "attribute"]].drop_duplicates()
    values = values[values["value"].str.strip() != ""].drop_duplicates().sort_values("entity", kind="stable")
    given = {*tables.names, *(e for labels in tables.labels.values() for e in labels)}
    chosen = _name_properties(values, np.array([e in given for e in ids], bool))
    is_name = values["attribute"].isin(chosen).to_numpy()
    names: list[dict[str, None]] = [{shown[e]: None} if e in given else {} for e in ids]
    for labels in tables.labels.values():
        for e, name in labels.items():
            names[number[e]][name] = None
    for i, name in zip(values["entity"][is_name], values["value"][is_name], strict=True):
        names[i].setdefault(name.strip(), None)
    for e, found in zip(ids, names, strict=True):
        if not found and (words := words_of_id(e)):
            found[words] = None
    return Graph(
        ids, [_distinct(found) for found in names], values[~is_name].reset_index(drop=True), said, links, list(relations),
        tables.images, tables.features, chosen,
    )  # fmt: skip


def _distinct(names: dict[str, None]) -> list[str]:
    """Names that differ when folded, the first of each, not too many."""
    found: dict[str, str] = {}
    for name in names:
        if folded := fold(name):
            found.setdefault(folded, name)
    return list(found.values())[:MAX_NAMES]


def _name_properties(values: pd.DataFrame, given: np.ndarray) -> list[str]:
    """The properties whose values are names: the usual ones, and for entities without any of them the likeliest other one.

    Args:
        values: columns entity, attribute, value.
        given: bool ``[n]``, entities whose name is known already.
    """
    usual = [a for a in values["attribute"].unique() if a in LABELS or holds_name(a)]
    named = given.copy()
    named[values["entity"][values["attribute"].isin(usual)].unique()] = True
    holders = values.groupby("attribute")["entity"].nunique()
    found: list[str] = []
    while len(found) < MAX_FOUND:
        rest = values[~named[values["entity"]]]
        if not len(rest):
            break
        scores = _likeness(rest)
        # Properties of an entity that has a name already are not needed, such as the descriptions beside titles.
        scores = scores[rest.groupby("attribute")["entity"].nunique() > holders[scores.index] / 2]
        if not len(scores) or not (best := scores.max()) > 0:
            break
        found.append(max(scores.index[scores == best]))
        named[rest["entity"][rest["attribute"] == found[-1]].unique()] = True
    return usual + found


def _likeness(rows: pd.DataFrame) -> pd.Series:
    """How well each property would do as the name of those that have it; 0 where it would not."""
    groups = rows.groupby("attribute")
    size = groups["value"].transform("size")
    some = rows[groups.cumcount() % (size // 2000).clip(lower=1) == 0]
    letters = some["value"].map(lambda text: sum(map(str.isalpha, text[:MAX_TEXT])) / max(len(text[:MAX_TEXT]), 1))
    letters = letters.groupby(some["attribute"]).mean()
    length = some["value"].str.len().groupby(some["attribute"]).median()
    distinct = rows["value"].str.casefold().groupby(rows["attribute"]).nunique() / groups.size()
    hints = pd.Series([2 if _HINT.search(_last(a)) else 1 for a in distinct.index], distinct.index)
    fits = (length <= MAX_LETTERS) & (letters >= MIN_LETTERS) & (distinct >= MIN_DISTINCT)
    return groups["entity"].nunique() * distinct * hints * fits


def _last(iri: str) -> str:
    """The last part of a property's IRI."""
    return display_name(iri.rstrip("/#")).rsplit("#", 1)[-1] or iri
