"""One lint for all that is written: the pages and notebooks are read once, and every rule says what it finds there.

    python tests/lint.py                 # all findings
    python tests/lint.py words long      # those of rules whose names contain one of these words

Rules are in lint_prose.py (the book's English) and lint_form.py (notebooks and pages); tests/book/test_lint.py runs them.
What a rule may pass over stands in its EXCEPTIONS, with the reason.
"""

import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "book" / "tools")]
from bookfiles import NOTEBOOKS, PAGES, ROOT, name, read  # noqa: E402

AROUND = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


@dataclass(frozen=True)
class Finding:
    """A place that breaks a rule: file relative to the repository, where in it, and what is wrong."""

    file: str
    where: str
    what: str

    def __str__(self):
        return f"{self.file}, {self.where}: {self.what}"


@cache
def _parsed(html):
    return BeautifulSoup(html, "html.parser")


def shown(cell):
    """The HTML of each output of a cell of code."""
    return [_parsed(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", [])]


@dataclass
class Book:
    """File -> text of the pages, file -> notebook of the chapters; `around` are the texts that lie beside the book."""

    pages: dict = field(default_factory=dict)
    notebooks: dict = field(default_factory=dict)
    around: dict = field(default_factory=dict)

    def texts(self):
        """(file, where, Markdown) of every page and every cell of prose."""
        for file, text in (self.around | self.pages).items():
            yield file, "text", text
        for file, nb in self.notebooks.items():
            for number, cell in enumerate(nb.cells):
                if cell.cell_type == "markdown":
                    yield file, f"cell {number}", cell.source

    def code(self):
        """(file, where, cell) of every cell of code, by its place among all cells."""
        for file, nb in self.notebooks.items():
            for number, cell in enumerate(nb.cells):
                if cell.cell_type == "code":
                    yield file, f"cell {number}", cell


@dataclass
class Rule:
    """A function of the book that yields findings, a sample that it must find something in, and its exceptions.

    `exceptions` are (file, part of the finding, reason); one that no longer excuses anything is a mistake.
    """

    check: callable
    sample: Book
    exceptions: list

    def findings(self, book):
        """What it finds, without what is excused; and the exceptions that excuse nothing."""
        left, used = [], set()
        for finding in self.check(book):
            excuses = {
                n for n, (file, part, _) in enumerate(self.exceptions) if file == finding.file and part in finding.what
            }
            used |= excuses
            if not excuses:
                left.append(finding)
        return left, [self.exceptions[n] for n in range(len(self.exceptions)) if n not in used]


RULES = {}


def rule(title, sample, exceptions=()):
    """Enter a function as a rule."""

    def enter(function):
        RULES[title] = Rule(function, sample, list(exceptions))
        return function

    return enter


@cache
def book():
    """The book as it lies in the repository."""
    return Book(
        {name(path): path.read_text(encoding="utf-8") for path in PAGES},
        {name(path): read(path) for path in NOTEBOOKS},
        {file: (ROOT / file).read_text(encoding="utf-8") for file in AROUND},
    )


def main(arguments):
    import lint_figures  # noqa: F401, each enters its rules
    import lint_form  # noqa: F401
    import lint_prose  # noqa: F401

    # Run as a script this module exists twice; the rules are in the one that they have imported.
    rules = sys.modules["lint"].RULES
    for title, one in rules.items():
        if not arguments or any(word in title for word in arguments):
            found, idle = one.findings(book())
            print(f"\n{title}: {len(found)}", *map(str, found), sep="\n  ")
            for exception in idle:
                print("  an exception that excuses nothing:", exception)


if __name__ == "__main__":
    main(sys.argv[1:])
