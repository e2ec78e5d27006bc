"""What has to be known of a file of RDF/XML before pyoxigraph reads it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers import expat

from pmf_minimal.datasets.files import because
from pmf_minimal.errors import DamagedFile, MalformedLine
from pmf_minimal.own.oaei import SEPARATOR

OWL_XML = f"http://www.w3.org/2002/07/owl#{SEPARATOR}Ontology"
XML_LANG = f"http://www.w3.org/XML/1998/namespace{SEPARATOR}lang"
#: A language for private use: that of literals that say to have none.
NO_LANGUAGE = "x-none"
_EMPTY_LANGUAGE = re.compile(rb"xml:lang\s*=\s*(\"\"|'')")


def checked_xml(path: Path, data: bytes) -> bytes:
    """The file, if it is XML to the end, with ``NO_LANGUAGE`` for the empty languages that XML knows and pyoxigraph does not.

    Raises:
        MalformedLine: it is no XML.
        DamagedFile: it is an ontology in another form than RDF/XML.
    """
    parser = expat.ParserCreate(namespace_separator=SEPARATOR)
    roots: list[str] = []
    empty: list[int] = []  # where tags begin that have such a language

    def element(name: str, attributes: dict[str, str]) -> None:
        roots or roots.append(name)
        if attributes.get(XML_LANG) == "":
            empty.append(parser.CurrentByteIndex)

    parser.StartElementHandler = element
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        place = f"{error.lineno}:{error.offset + 1}"
        raise MalformedLine(
            f"{path}:{place}: not XML ({because(error, 80)}); mend the line, or get the file again"
        ) from None
    except (ValueError, LookupError) as error:
        raise MalformedLine(f"{path}:1: not XML that can be read ({because(error, 80)}); convert it to UTF-8") from None
    if roots[0] == OWL_XML:
        raise DamagedFile(f"{path}: an ontology as OWL/XML; save it as RDF/XML or Turtle")
    parts, done = [], 0
    for start in empty:
        if found := _EMPTY_LANGUAGE.search(data, start):
            parts += [data[done : found.start(1)], f'"{NO_LANGUAGE}"'.encode()]
            done = found.end(1)
    return b"".join([*parts, data[done:]])
