"""Graphs from RDF files, N-Triples and Turtle, with rdflib; nothing is ever fetched from the network.

rdflib holds a file in memory: measured at 200,000 triples, 1.9 kB a triple, and 28,000 (N-Triples) or 19,000 (Turtle)
triples a second on one CPU core. By that a million triples take some 2 GB and a minute. Larger ones are better cut down to what is to be aligned, or turned into tables first.
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd

from pmf_minimal.datasets import lines
from pmf_minimal.errors import DamagedFile, DataError, EmptyFile, MalformedLine
from pmf_minimal.own.tables import Tables, inside

FORMATS = {".nt": "nt", ".ttl": "turtle"}
LABELS = (  # the first that an entity has is its name
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
    "http://xmlns.com/foaf/0.1/name",
)
PICTURES = ("http://xmlns.com/foaf/0.1/depiction", "http://schema.org/image", "https://schema.org/image")
SAME = "http://www.w3.org/2002/07/owl#sameAs"


def read(path: Path) -> Tables:
    """One graph from an RDF file.

    Triples between resources are triples, literals are attributes, labels are names as well, and depictions are
    images if they are files below the file's folder. Blank nodes are entities ``_:b0``, ``_:b1``, … in the order of
    the file. owl:sameAs is left out: it may be what is to be found.

    Raises:
        DataError: and always one of its kinds: MissingFile, EmptyFile, NotUTF8; MalformedLine: names the line, where
            rdflib tells it; DamagedFile: another kind of file.
    """
    from rdflib import BNode, Literal

    base = path.resolve().parent.as_uri() + "/"
    blank: dict = {}

    def uri(term) -> str:
        if isinstance(term, BNode):
            return blank.setdefault(term, f"_:b{len(blank)}")
        return str(term).removeprefix(base)

    triples, attributes, images, labels, remote = [], [], {}, {}, 0
    for s, p, o in _parse(path):
        if str(p) in PICTURES:
            place = urlsplit(str(o))
            if place.scheme in ("http", "https"):
                remote += 1
            else:
                where = unquote(place.path) if place.scheme == "file" else str(o)
                images.setdefault(uri(s), inside(path.parent, where))
        elif isinstance(o, Literal):
            attributes.append((uri(s), str(p), str(o) or " "))
            if str(p) in LABELS and str(o).strip():
                labels.setdefault(uri(s), []).append((LABELS.index(str(p)), str(o)))
        elif str(p) != SAME:
            triples.append((uri(s), str(p), uri(o)))
    notes = [f"{path}: {remote} pictures lie on the web and are not fetched"] if remote else []
    return Tables(
        pd.DataFrame(triples, columns=["head", "relation", "tail"], dtype=object),
        pd.DataFrame(attributes, columns=["entity", "attribute", "value"], dtype=object),
        {e: min(found)[1] for e, found in labels.items()},
        images,
        notes=notes,
    )


def same_as(path: Path) -> list[tuple[str, str]]:
    """The pairs that an RDF file states with owl:sameAs, left entity first."""
    return [(str(s), str(o)) for s, p, o in _parse(path) if str(p) == SAME]


def write_same_as(pairs: list[tuple[str, str]]) -> str:
    """N-Triples with owl:sameAs; whatever a URI may not hold is percent-encoded."""

    def iri(uri: str) -> str:
        return "".join(c if c > " " and c not in '<>"{}|^`\\' else f"%{ord(c):02X}" for c in uri)

    return "".join(f"<{iri(left)}> <{SAME}> <{iri(right)}> .\n" for left, right in pairs)


def _parse(path: Path) -> list[tuple]:
    """The distinct triples of a file, in the order of the file."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise DamagedFile(
            f"{path}: neither a folder nor an RDF file that is read here ({', '.join(FORMATS)}); convert it, for example "
            "with `rdfpipe -o turtle`"
        )
    try:
        import rdflib
    except ImportError:
        raise DataError(f"{path}: reading RDF needs the package rdflib; pip install rdflib") from None
    logging.getLogger("rdflib").setLevel(logging.CRITICAL)  # remarks on literals, which are used as they stand
    data = lines.decode(lines.content(path), path)

    class InOrder(rdflib.Graph):
        """rdflib gives triples back in an order that changes from process to process; one file, one result needs the file's."""

        def add(self, triple):
            stated.setdefault(triple)
            return super().add(triple)

    stated: dict[tuple, None] = {}
    graph = InOrder()
    try:
        graph.parse(data=data, format=form, publicID=path.resolve().as_uri())
    except Exception as error:  # whatever a hostile file provokes is the file's fault
        line = getattr(error, "lines", None)
        line = line + 1 if line is not None else _bad_line(data) if form == "nt" else None
        why = str(getattr(error, "_why", error)).split("\n")[0][:120]
        raise MalformedLine(f"{path}:{line or '?'}: not {form} ({why}); mend the line") from None
    if not stated:
        raise EmptyFile(f"{path}: no triple in it; is this the right file?")
    return list(stated)


def _bad_line(data: str) -> int | None:
    import rdflib

    for number, line in enumerate(data.splitlines(), start=1):
        try:
            rdflib.Graph().parse(data=line, format="nt")
        except Exception:
            return number
    return None
