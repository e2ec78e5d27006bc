"""A Sphinx extension: docstrings, written to be read in the code, look as well on the page of the API.

Three things in them are not what Sphinx expects: a line `Eq. (4)  formula`, formulas set off by indentation, and a colon in
the sentence of `Returns:` or of a constant, before which napoleon would look for a type.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # Sphinx loads this file by its name alone

from equation_index import EQUATIONS

EQUATION = re.compile(r"(\s*)Eq\. \((\d+)\)(  .*)?$")
SECTION = re.compile(r"(Args|Returns|Raises|Attributes|Source):")


def rewritten(lines):
    """The lines of a docstring as reStructuredText with Google's sections."""
    out, inside, before = [], "", ""
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.strip() and not indent:
            section = SECTION.match(line)
            inside = section[1] if section else ""
        if match := EQUATION.match(line):
            n = int(match[2])
            # The paper's formula instead of the docstring's line of text; the equation's own page has code and tests.
            out += ["", f"`Eq. ({n}) <equations.html#eq-{n}>`__", "", ".. math::", "", f"   {EQUATIONS[n][0]}", ""]
        elif indent and not inside and line.strip():
            # An indented block is a formula: literally, as it stands. Its first line follows a blank one.
            if not before.strip():
                out += [".. code-block:: text", ""]
            out.append(line)
        elif inside == "Returns" and indent:
            first = number and lines[number - 1].strip() == "Returns:"
            # A leading colon tells napoleon that no type comes before it.
            out.append(re.sub(r"^(\s*)", r"\1: ", line) if first else line)
        else:
            out.append(line)
        before = line
    return out


def process(app, what, name, obj, options, lines):
    lines[:] = rewritten(lines)
    if what in ("data", "attribute", "property") and lines:
        lines[0] = f": {lines[0]}"


def setup(app):
    # Before napoleon, whose priority is the usual 500.
    app.connect("autodoc-process-docstring", process, priority=400)
    return {"parallel_read_safe": True}
