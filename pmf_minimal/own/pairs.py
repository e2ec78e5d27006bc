"""Known pairs of your own graphs: from CSV, TSV, SSSOM, OAEI alignments and RDF, and which of them can be used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from pmf_minimal.datasets import lines
from pmf_minimal.datasets.escape import spreadsheet
from pmf_minimal.errors import DuplicateId, EmptyFile, MalformedLine, UnknownId
from pmf_minimal.own import oaei, rdf
from pmf_minimal.own.clean import pairs_of
from pmf_minimal.own.tables import Tables, separator, table_rows
from pmf_minimal.own.verdicts import REJECTED, UNSURE, VERDICT, with_verdict

# What the columns of pairs are called: ours, those of our own matches.csv, and others' usual ones.
HEADINGS = (
    ("left", "right"),
    ("left_uri", "right_uri"),
    ("left_id", "right_id"),
    ("source", "target"),
    ("entity1", "entity2"),
)
SSSOM = ("subject_id", "object_id")
# Relations that say "the same", in RDF and in SSSOM.
SAME = {
    "http://www.w3.org/2002/07/owl#sameAs": "owl:sameAs",
    "http://www.w3.org/2004/02/skos/core#exactMatch": "skos:exactMatch",
    "http://www.w3.org/2002/07/owl#equivalentClass": "owl:equivalentClass",
    "http://www.w3.org/2002/07/owl#equivalentProperty": "owl:equivalentProperty",
}
EXAMPLES = 3
MAX_PREFIX = 1000  # characters that a prefix of SSSOM may stand for


def read_pairs(path: str | Path, left: Tables, right: Tables) -> pd.DataFrame:
    """Known pairs from a file.

    * ``.csv``, ``.tsv``: two columns. A first line that calls two of them left and right (or source and target, entity1 and
      entity2, or as in our ``matches.csv``) says which; any other first line is a pair. Ids may stand as they do in our own
      tables, guarded from spreadsheets. Where there is a column ``verdict``, pairs that are rejected in it are known not to match.
    * ``.tsv`` or ``.csv`` with subject_id and object_id: SSSOM; mappings of another predicate than exact match are left out.
    * ``.nt``, ``.ttl``, ``.nq``, ``.trig``, ``.owl``, ``.jsonld``, also as ``.gz``: owl:sameAs, skos:exactMatch, owl:equivalentClass, owl:equivalentProperty.
    * ``.rdf``, ``.xml``: OAEI's alignment format, cells whose relation is ``=``.

    The last three may state a pair in either direction, and may speak of third graphs.

    Returns:
        Columns left and right, and verdict if a pair is rejected; the index is the place that errors name, file and line (of RDF
        the file).
        ``attrs["notes"]``: sentences on what was left out; ``attrs["links"]``: the file may speak of other graphs too.

    Raises:
        DataError: as the readers of these files; EmptyFile: no pair in it.
    """
    path = Path(path)
    ending, notes, links, rejected = path.suffix.lower(), [], True, set()
    if ending in (".rdf", ".xml"):
        stated, notes = oaei.read(path)
    elif rdf.ending(path) in rdf.FORMATS:
        stated = [(s, o, str(path)) for s, p, o in rdf.links(path) if p in SAME]
    else:
        stated, notes, links, rejected = _read_table(path)
    known = [tables.entities() for tables in (left, right)]
    stated = [_turned(*pair, *known) for pair in stated] if links else _from_cells(stated, known)
    if not stated:
        told = f" ({'; '.join(notes)})" if notes else ""
        raise EmptyFile(f"{path}: no pair in it{told}; give some, or align without --seeds")
    pairs = pd.DataFrame([pair[:2] for pair in stated], columns=["left", "right"], dtype=object)
    pairs.index = pd.Index([pair[2] for pair in stated], name="place")
    if rejected:
        pairs[VERDICT] = np.where(pairs.index.isin(rejected), REJECTED, "accepted")
    pairs.attrs = {"notes": notes, "links": links}
    return pairs


def _from_cells(stated: list[tuple[str, str, str]], known: list[dict]) -> list[tuple[str, str, str]]:
    """The pairs, ids that stand as our own tables write them (:func:`spreadsheet`) turned into those that a graph has."""
    if all(pair[k] in known[k] for pair in stated for k in (0, 1)):
        return stated
    ids = [{spreadsheet(e).strip(): e for e in side} | {e: e for e in side} for side in known]
    return [(ids[0].get(left, left), ids[1].get(right, right), place) for left, right, place in stated]


def _turned(a: str, b: str, place: str, left: dict, right: dict) -> tuple[str, str, str]:
    """A pair stated in either direction, left entity first."""
    return (b, a, place) if not (a in left and b in right) and b in left and a in right else (a, b, place)


def _read_table(path: Path) -> tuple[list[tuple[str, str, str]], list[str], bool, set[str]]:
    """Pairs with their places, notes, whether the file is SSSOM, and the places of pairs that are rejected."""
    content = lines.decode(lines.content(path), path)
    # SSSOM has its metadata in lines of comment above the table.
    top, rest = _comments(content)
    first = rest.partition("\n")[0]
    if top and {*SSSOM} <= {name.strip() for name in first.split(separator(path))}:
        rows = list(table_rows("\n" * top.count("\n") + rest, path))
    else:
        top, rows = "", list(table_rows(content, path))
    number, heading = rows[0]
    heading = [name.casefold() for name in heading]
    if {*SSSOM} <= {*heading}:
        return *_sssom(path, heading, rows[1:], _prefixes(top, path)), True, set()
    if len(heading) < 2:
        raise MalformedLine(
            f"{path}:{number}: one column, {rows[0][1][0][:80]!r}; give two, left and right, with a comma or (in .tsv) a tab "
            "between them"
        )
    columns = next((names for names in HEADINGS if {*names} <= {*heading}), None)
    i, j = map(heading.index, columns) if columns else (0, 1)
    found, rejected = [], set()
    for number, row in rows[1:] if columns else rows:
        if not row[i] or not row[j]:
            raise MalformedLine(f"{path}:{number}: an empty field; fill it or drop the line")
        verdict = row[heading.index(VERDICT)].casefold() if columns and VERDICT in heading else ""
        if verdict == REJECTED:
            rejected.add(f"{path}:{number}")
        if verdict != UNSURE:
            found.append((row[i], row[j], f"{path}:{number}"))
    return found, [], False, rejected


def _comments(content: str) -> tuple[str, str]:
    """The lines that begin with # at the start, and the rest."""
    end = 0
    while content.startswith("#", end):
        end = content.find("\n", end) + 1 or len(content)
    return content[:end], content[end:]


def _prefixes(comments: str, path: Path) -> dict[str, str]:
    """The curie_map of SSSOM's metadata. It is YAML, of which no more is needed than lines of ``prefix: IRI``."""
    found, inside = {}, False
    for line in comments.splitlines():
        line = line.removeprefix("#")
        indented = line[:1].isspace() and (line[1:2].isspace() or inside)
        key, _, value = (_unquoted(part.strip()) for part in line.partition(":"))
        if inside and indented and value:
            if len(value) > MAX_PREFIX:  # it may be used a million times
                raise MalformedLine(f"{path}: the prefix {key[:20]} stands for {len(value):,} characters; shorten it")
            found[key] = value
        else:
            inside = key == "curie_map"
    return found


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def _sssom(path: Path, heading: list[str], rows: list, prefixes: dict) -> tuple[list[tuple[str, str, str]], list[str]]:
    place = {name: k for k, name in enumerate(heading)}
    found, others = [], 0

    def expand(curie: str) -> str:
        prefix, colon, rest = curie.partition(":")
        return prefixes[prefix] + rest if colon and prefix in prefixes else curie

    for number, row in rows:
        cell = {name: row[place[name]] for name in (*SSSOM, "predicate_id", "predicate_modifier") if name in place}
        same = cell.get("predicate_id", "skos:exactMatch")
        if not ({same, expand(same)} & {*SAME, *SAME.values()}) or cell.get("predicate_modifier"):
            others += 1
        elif not cell[SSSOM[0]] or not cell[SSSOM[1]]:
            raise MalformedLine(f"{path}:{number}: an empty field; fill it or drop the line")
        else:
            found.append((*(expand(cell[name]) for name in SSSOM), f"{path}:{number}"))
    return found, [f"{path}: {others} mappings say something else than exact match and are left out"] if others else []


def known_pairs(
    pairs: Iterable, numbers: list[dict[str, int]], name: str, strict: bool = False, many: bool = False
) -> tuple[np.ndarray, list[str]]:
    """Those of the pairs that can be used.

    Args:
        pairs: as :func:`read_pairs` returns them, another table of left and right, or a list of tuples.
        numbers: entity -> its number, left and right.
        name: what messages call the graphs.
        strict: refuse the first pair that cannot be used.
        many: several left entities may have one right counterpart.

    Returns:
        int64 ``[P, 2]``, entity numbers; and sentences on what was left out: repetitions, pairs of an entity that its graph
        does not have, and pairs of an entity that an earlier pair has.

    Raises:
        UnknownId, DuplicateId: more than half of the pairs cannot be used, or with ``strict`` one. A file of links may speak
            of other graphs as often as it likes, but not only of them.
    """
    attrs = getattr(pairs, "attrs", {})
    distinct: dict[tuple[str, str], str] = {}
    listed = pairs_of(with_verdict(pairs, REJECTED, UNSURE)[1], f"{name}, pairs")
    for left, right, place in listed:
        distinct.setdefault((left, right), place)
    unknown, again, used = [], [], [set(), set()]
    found = []
    for pair, place in distinct.items():
        if any(entity not in known for entity, known in zip(pair, numbers, strict=True)):
            unknown.append((pair, place))
        elif pair[0] in used[0] or (pair[1] in used[1] and not many):
            again.append((pair, place))
        else:
            found.append(pair)
            for entity, side in zip(pair, used, strict=True):
                side.add(entity)
    usable = len(distinct) - len(unknown) if attrs.get("links") else len(distinct)
    if unknown and (strict or len(unknown) > len(distinct) / 2 and not (attrs.get("links") and usable)):
        raise UnknownId(_told(unknown, numbers))
    if again and (strict or len(again) > usable / 2):
        (left, right), place = again[0]
        entity = left if left in used[0] else right
        raise DuplicateId(f"{place}: {entity} for the second time; drop one of the two")
    notes = list(attrs.get("notes", ()))
    if len(distinct) < len(listed):
        notes.append(f"{len(listed) - len(distinct)} known pairs repeat an earlier one and are left out")
    for what, why in (
        (unknown, "name an entity that its graph does not have"),
        (again, "have an entity of an earlier pair"),
    ):
        if what:
            some = ", ".join(f"{left} = {right} ({place})" for (left, right), place in what[:EXAMPLES])
            more = ", …" * (len(what) > EXAMPLES)
            notes.append(f"{len(what)} of {len(distinct)} known pairs {why} and are left out: {some}{more}")
    rows = [[numbers[0][left], numbers[1][right]] for left, right in found]
    return np.array(rows, dtype=np.int64).reshape(-1, 2), notes


def _told(unknown: list[tuple[tuple[str, str], str]], numbers: list[dict[str, int]]) -> str:
    """The message on pairs of unknown entities: the first of them, how many there are, and the fix."""
    strange = [(k, pair, place) for pair, place in unknown for k in (0, 1) if pair[k] not in numbers[k]]
    k, pair, place = strange[0]
    told = f"{place}: the {('left', 'right')[k]} graph does not have {pair[k]}"
    if len(strange) > 1:
        some = ", ".join(pair[k] for k, pair, _ in strange[:EXAMPLES])
        more = ", …" * (len(strange) > EXAMPLES)
        told += f", and there are {len(strange)} such ids in all ({some}{more})"
    if pair[1 - k] in numbers[k]:
        return f"{told}; swap the two columns, or LEFT and RIGHT"
    heading = "; if the line is a heading, make it left,right" if place.endswith(":1") else ""
    return f"{told}; mend or drop it{heading}"
