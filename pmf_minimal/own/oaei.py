"""Known pairs in the alignment format of the Ontology Alignment Evaluation Initiative (OAEI), which is XML.

XML from elsewhere can ask for much: entities that grow a thousandfold, and others that are to be fetched. None is accepted here;
an external document type is neither read nor fetched.
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from pmf_minimal.datasets import lines
from pmf_minimal.datasets.files import because
from pmf_minimal.errors import DamagedFile, DataError, MalformedLine

EQUAL = {"=", "≡", "equivalence", "equal", "same"}
MAX_NAMESPACE = 1000  # characters
MAX_VALUE = 100  # characters of a relation or measure
#: Between a namespace and a name: what no XML may hold, since a blank may stand in a namespace.
SEPARATOR = "\x1f"


class _Cells:
    """What the parser calls: collects the cells as they end."""

    def __init__(self, path: Path, parser):
        self.path, self.parser = path, parser
        self.is_alignment = False
        self.cell: dict[str, str] | None = None
        self.open: str | None = None  # the part of a cell that is being read
        self.cells: list[tuple[dict[str, str], int]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(SEPARATOR)[2]
        self.is_alignment |= name == "Alignment"
        if name == "Cell":
            self.cell = {}
        elif self.cell is not None and name in ("entity1", "entity2", "relation", "measure"):
            self.open = name
            if name in ("relation", "measure"):
                self.cell.setdefault(name, "")  # an empty one is none that says "the same"
        if self.cell is not None and self.open in ("entity1", "entity2"):
            for key, value in attributes.items():  # rdf:resource, or rdf:about of a description inside
                if key.rpartition(SEPARATOR)[2] in ("resource", "about"):
                    self.cell.setdefault(self.open, value)

    def text(self, data: str) -> None:
        if self.cell is not None and self.open in ("relation", "measure"):
            self.cell[self.open] = (self.cell.get(self.open, "") + data)[:MAX_VALUE]

    def end(self, name: str) -> None:
        name = name.rpartition(SEPARATOR)[2]
        if name == self.open:
            self.open = None
        if name == "Cell" and self.cell is not None:
            self.cells.append((self.cell, self.parser.CurrentLineNumber))
            self.cell = None

    def namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri and len(uri) > MAX_NAMESPACE:  # it stands in front of every name
            raise DamagedFile(
                f"{self.path}:{self.parser.CurrentLineNumber}: a namespace of {len(uri):,} characters; shorten it"
            )

    def refuse(self, *_) -> None:
        raise DamagedFile(
            f"{self.path}:{self.parser.CurrentLineNumber}: it declares an entity, which may stand for anything; write the "
            "text itself"
        )


def read(path: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Pairs with their places, and sentences on what was left out.

    Raises:
        DataError: MissingFile, EmptyFile; MalformedLine: not XML, a cell without its two entities, or no alignment;
            DamagedFile: it declares entities.
    """
    data = lines.content(path)
    parser = expat.ParserCreate(namespace_separator=SEPARATOR)
    found = _Cells(path, parser)
    parser.StartElementHandler, parser.EndElementHandler = found.start, found.end
    parser.StartNamespaceDeclHandler = found.namespace
    parser.CharacterDataHandler, parser.EntityDeclHandler = found.text, found.refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise MalformedLine(f"{path}:{error.lineno}: not XML ({because(error)}); mend the line") from None
    except DataError:
        raise
    except (ValueError, LookupError) as error:  # an encoding that is not known
        raise MalformedLine(f"{path}:1: not XML that can be read ({because(error)}); convert it to UTF-8") from None
    if not found.is_alignment:
        raise MalformedLine(f"{path}:1: no Alignment in it; give OAEI's alignment format, or owl:sameAs in .nt or .ttl")
    pairs, others, unsure = [], 0, 0
    for cell, line in found.cells:
        if not cell.get("entity1") or not cell.get("entity2"):
            raise MalformedLine(f"{path}:{line}: a cell without entity1 or entity2; mend or drop it")
        if cell.get("relation", "=").strip().casefold() not in EQUAL:
            others += 1
            continue
        unsure += not _is_one(cell.get("measure", "1"))
        pairs.append((cell["entity1"], cell["entity2"], f"{path}:{line}"))
    notes = [f"{path}: {others} cells say something else than = and are left out"] if others else []
    if unsure:
        notes.append(
            f"{path}: {unsure} of {len(pairs)} cells have another measure than 1; they count as known all the same"
        )
    return pairs, notes


def _is_one(measure: str) -> bool:
    try:
        return float(measure) == 1
    except ValueError:
        return False
