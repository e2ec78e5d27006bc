"""Foreign text, made harmless where people or spreadsheets will see it.

Names, ids and messages come from files that anyone may have written. On a terminal a control character moves the cursor or
hides the text before it; a lone surrogate cannot be written as UTF-8; a spreadsheet runs a cell that begins with an equals sign.
"""

from __future__ import annotations

import re
from itertools import chain

_CONTROLS = chain(range(0x20), range(0x7F, 0xA0))
_LINES = (0x2028, 0x2029)  # line ends to some programs, a part of the line to others
_DIRECTIONS = chain(range(0x202A, 0x202F), range(0x2066, 0x206A))  # they reorder the text around them
_SURROGATES = range(0xD800, 0xE000)
_ESCAPES = {c: f"\\x{c:02x}" for c in _CONTROLS} | {c: f"\\u{c:04x}" for c in chain(_LINES, _DIRECTIONS, _SURROGATES)}
_FORMULA = re.compile(r"(^|;)(\s*[=+\-@＝＋－＠])")


def printable(text: str) -> str:
    """The text with control characters, marks of direction and lone surrogates written as escapes, such as ``\\x1b``."""
    return text if text.isascii() and text.isprintable() else text.translate(_ESCAPES)


def one_line(text: str, limit: int = 2000) -> str:
    """The same in one line of at most so many characters, for messages; white space becomes one blank."""
    short = text[: 2 * limit]  # enough to be cut again below; the rest need not be looked at
    line = printable(" ".join(short.split()))
    return line if len(line) <= limit and len(short) == len(text) else line[: limit - 1] + "…"


def spreadsheet(text: str) -> str:
    """The same for a cell of a table that a spreadsheet may open: an apostrophe keeps it from being run as a formula."""
    # Blanks in front do not protect: some programs drop them. Where a comma is the decimal point, cells end at semicolons.
    return _FORMULA.sub(r"\1'\2", printable(text))
