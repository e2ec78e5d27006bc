"""Where the parts of the book are, for the tests that look at them."""

import re
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
REPOSITORY = CONFIG["repository"]["url"]
NOTEBOOKS = sorted(p for p in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
PAGES = sorted((ROOT / "book").rglob("*.md")) + sorted((ROOT / "notebooks").rglob("*.md"))


def name(path):
    """A short name for a file, so that a test's name says which page it is about."""
    return str(path.relative_to(ROOT))


def read(path):
    return nbformat.read(path, as_version=4)


def toc_files():
    """The pages that the table of contents names, without their endings."""

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("root", "file"):
                    yield value
                else:
                    yield from walk(value)
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)

    return list(walk(yaml.safe_load((ROOT / "_toc.yml").read_text())))


def heading_faults(text):
    """What is wrong with the headings: one title, first of all; and no level left out on the way down."""
    text = re.sub(r"^(```+|~~~+).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, flags=re.MULTILINE)]
    faults = []
    if levels[:1] != [1] or levels.count(1) != 1:
        faults.append(f"a page has one title, at its top; headings are {levels}")
    for above, below in zip(levels, levels[1:], strict=False):
        if below > above + 1:
            faults.append(f"a heading of level {below} right under one of level {above}")
    return faults
