"""On the built pages, the first mention of a glossary term that a chapter sets in bold or italics leads to the glossary.

The notebooks stay as they are: JupyterLab and Colab know no such links. The glossary itself names the chapter of each term.
"""

import re
from pathlib import Path

import nbformat

GLOSSARY = Path(__file__).resolve().parents[1] / "glossary.md"


def terms(text):
    """Words in lower case -> the glossary's own spelling; regular plurals too."""
    body = re.search(r"```\{glossary\}\n(.*?)```", text, re.DOTALL)[1]
    found = [line.strip() for line in body.splitlines() if line and not line.startswith(" ")]
    known = {f"{term}s".lower(): term for term in found}
    return (
        known
        | {f"{term[:-1]}ies".lower(): term for term in found if term.endswith("y")}
        | {term.lower(): term for term in found}
    )


def linked(texts, known):
    """The texts of one page, in order, with a link at the first emphasised mention of each term."""
    done = set()

    def link(match):
        stars, words = match[1], match[2]
        term = known.get(words.lower())
        if term is None or term in done:
            return match[0]
        done.add(term)
        return f"{stars}{{term}}`{words} <{term}>`{stars}"

    for text in texts:
        # Not in code, formulas, tables or headings, and not beside a letter, where stars mean nothing.
        parts = re.split(
            r"(```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|^\|.*?$|^#.*?$)", text, flags=re.DOTALL | re.MULTILINE
        )
        parts[::2] = [re.sub(r"(?<![\w*])(\*{1,2})([^*\n]+)\1(?![\w*])", link, part) for part in parts[::2]]
        yield "".join(parts)


def link_page(path, known):
    """Set the links in a notebook that is laid out for the site."""
    nb = nbformat.read(path, as_version=4)
    prose = [cell for cell in nb.cells if cell.cell_type == "markdown"]
    for cell, text in zip(prose, linked([cell.source for cell in prose], known), strict=True):
        cell.source = text
    nbformat.write(nb, path)
