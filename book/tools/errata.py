"""Write book/errata.md: mistakes that readers found, from book/errata.yaml.

python book/tools/errata.py                    # after a change in book/errata.yaml
"""

import datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "book" / "errata.yaml"
PAGE = ROOT / "book" / "errata.md"
FIELDS = {"found", "page", "place", "wrong", "right", "mended"}

HEAD = """# Errata

Mistakes in earlier versions of the book and the package, the newest first. The version named is the first that has it right. If it is not out yet, a clone of the project has it. Found another? [Tell us](cite.md#report-an-error). This page is made from `book/errata.yaml` by `book/tools/errata.py`.
"""
NONE = "\nNone is known.\n"
ENTRY = """
## {page}, {place}

*Found {found}; {state}.*

**It says:** {wrong}

**It should say:** {right}
"""


def page(errata):
    """The text of book/errata.md.

    Raises:
        ValueError: an entry lacks a field or has one too many, its date is none, its page does not exist, or it is
            not in its place by date.
    """
    sections = []
    for number, erratum in enumerate(errata, 1):
        if set(erratum) != FIELDS:
            raise ValueError(f"erratum {number}: give {', '.join(sorted(FIELDS))}, not {', '.join(sorted(erratum))}")
        if not isinstance(erratum["found"], datetime.date):
            raise ValueError(f"erratum {number}: {erratum['found']!r} is no date such as 2027-01-31")
        if not (ROOT / erratum["page"]).is_file():
            raise ValueError(f"erratum {number}: there is no {erratum['page']}")
        state = f"right since version {erratum['mended']}" if erratum["mended"] else "not fixed yet"
        sections.append(ENTRY.format(state=state, **{k: str(v).strip() for k, v in erratum.items()}))
    dates = [erratum["found"] for erratum in errata]
    if dates != sorted(dates, reverse=True):
        raise ValueError("errata: the newest comes first")
    return HEAD + ("".join(sections) or NONE)


if __name__ == "__main__":
    PAGE.write_text(page(yaml.safe_load(DATA.read_text(encoding="utf-8"))), encoding="utf-8")
