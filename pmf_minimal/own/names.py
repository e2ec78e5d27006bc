"""What the entities of your own graphs are called, and which of their nodes are no entities at all."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from pmf_minimal.datasets.assemble import display_name
from pmf_minimal.own.tables import Tables

# Terms in which graphs are written. They are the same in every graph, and nobody's counterpart.
VOCABULARIES = (
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://www.w3.org/2000/01/rdf-schema#",
    "http://www.w3.org/2002/07/owl#",
    "http://www.w3.org/2001/XMLSchema#",
    "http://www.w3.org/2004/02/skos/core#",
)
ONTOLOGY = "http://www.w3.org/2002/07/owl#Ontology"  # the class of a file's own heading
LONGEST = 1000  # letters; to put the marks of a longer one in order takes a time that grows with its square
LABEL_NODES = "http://www.w3.org/2008/05/skos-xl#"
_NAMES = re.compile(r"(synonym|label|title|appellation)s?$", re.IGNORECASE)


def choose_names(left: Tables, right: Tables) -> list[dict[str, str]]:
    """A name for every entity that has one, in the language that most entities of both graphs have names in.

    Names that are given come first, then labels, then what the id itself says (:func:`words_of_id`).
    """
    order = _languages(left, right)
    found = []
    for tables in (left, right):
        names = {e: words for e in tables.entities() if (words := words_of_id(e))}
        for language in reversed(order):
            names |= {e: label for e, label in tables.labels.get(language, {}).items() if label.strip()}
        names |= tables.names
        found.append({e: _spaced(name) for e, name in names.items()})
    return found


def _languages(left: Tables, right: Tables) -> list[str]:
    """All languages, the one that serves the graph which it serves worse best in front."""
    named = [max(len(set().union(*tables.labels.values())), 1) for tables in (left, right)]

    def shares(language: str) -> list[float]:
        return [len(t.labels.get(language, ())) / n for t, n in zip((left, right), named, strict=True)]

    languages = {*left.labels, *right.labels}
    return sorted(languages, key=lambda language: (-min(shares(language)), -sum(shares(language)), language))


def _spaced(name: str) -> str:
    """A name without a single blank may have underscores in their place."""
    if len(name) <= LONGEST:
        name = unicodedata.normalize("NFC", name)
    return name if any(c.isspace() for c in name) else name.replace("_", " ").strip() or name


def words_of_id(uri: str) -> str | None:
    """The words in the last part of an IRI, ``http://x/onto#LizehaGuguka`` -> ``Lizeha Guguka``; None where it is a code.

    ``12``, ``Q42`` and ``person_7`` are codes: that two graphs count up to the same number says nothing of what they count.
    """
    if uri.startswith("_:"):
        return None
    tail = display_name(uri.rstrip("/#")).rsplit("#", 1)[-1]
    letters = [c for c in tail if c.isalpha()]
    if any(c.isdigit() for c in tail) or not letters or (len(letters) < 3 and tail.isascii()):
        return None
    if " " in tail:
        return tail
    starts = [
        k > 0 and c.isupper() and (tail[k - 1].islower() or (tail[k - 1].isupper() and tail[k + 1 : k + 2].islower()))
        for k, c in enumerate(tail)
    ]
    return "".join(" " * start + c for start, c in zip(starts, tail, strict=True))


def without_terms(tables: Tables, where: str) -> Tables:
    """The same without the nodes that are no entities: terms of RDF's own vocabularies, and nodes that only hold a synonym.

    What they say of an entity stays as its attribute: of which class it is, that it has a synonym.
    """
    triples, attributes = tables.triples, tables.attributes
    head, relation, tail = (triples.iloc[:, k].to_numpy() for k in range(3))
    term_head, term_tail = (np.array([e.startswith(VOCABULARIES) for e in ends], bool) for ends in (head, tail))
    holds = {r: holds_name(r) for r in set(relation)}
    to_label = np.array([holds[r] for r in relation], bool)
    # A synonym's node says nothing else: one of these relations leads to it, once, and no other triple between entities.
    linked = {*head[~term_tail], *tail[~to_label]}
    times = Counter(tail[to_label])
    synonyms = {e for e, n in times.items() if n == 1 and e not in linked and not e.startswith(VOCABULARIES)}
    if not (term_head.any() or term_tail.any() or synonyms):
        return tables
    gone = synonyms | {e for ends in (head[term_head], tail[term_tail], head[tail == ONTOLOGY]) for e in ends}
    stays = np.array([e not in gone for e in head], bool)
    tail_gone = np.array([e in gone for e in tail], bool)
    said = _said(tables, synonyms, *(x[stays & tail_gone].tolist() for x in (head, relation, tail)))
    attributes = pd.concat(
        [attributes[~attributes.iloc[:, 0].isin(gone)], pd.DataFrame(said, columns=attributes.columns, dtype=object)]
    )
    notes = [*tables.notes]
    if terms := len(gone) - len(synonyms):
        notes.append(f"{where}: {terms} terms of RDF, RDFS, OWL, XSD and SKOS are attributes here, not entities")
    if synonyms:
        notes.append(f"{where}: {len(synonyms)} nodes that only hold a synonym are attributes here, not entities")
    return replace(
        tables,
        triples=triples[stays & ~tail_gone],
        attributes=attributes,
        names={e: name for e, name in tables.names.items() if e not in gone},
        labels={k: {e: name for e, name in labels.items() if e not in gone} for k, labels in tables.labels.items()},
        images={e: path for e, path in tables.images.items() if e not in gone},
        features={m: table[~table.index.isin(gone)] for m, table in tables.features.items()},
        notes=notes,
    )


def _said(tables: Tables, synonyms: set[str], heads: list, relations: list, tails: list) -> list[tuple[str, str, str]]:
    """What triples to nodes that are no entities say as attributes: of which class an entity is, and what its synonyms are."""
    words: dict[str, list[str]] = {}
    for named in (tables.names, *tables.labels.values()):
        for e, name in named.items():
            if e in synonyms:
                words.setdefault(e, []).append(name)
    for e, value in tables.attributes[["entity", "value"]].itertuples(index=False, name=None):
        if e in synonyms and value:
            words.setdefault(e, []).append(value)
    said = []
    for head, relation, tail in zip(heads, relations, tails, strict=True):
        if tail in synonyms:
            said += [(head, relation, word) for word in dict.fromkeys(words.get(tail, [""]))]
        else:
            said.append((head, f"{relation} {tail}" if tail.startswith(VOCABULARIES) else relation, ""))
    return said


def holds_name(relation: str) -> bool:
    """Whether a property leads to further names, by what it is called itself."""
    return relation.startswith(LABEL_NODES) or bool(_NAMES.search(display_name(relation).rsplit("#", 1)[-1]))
