"""Write the set-up cell into every notebook, and the repository's address wherever it stands.

    python book/tools/setup_cell.py        # after a change of repository.url in _config.yml, or of CELL below

The old address is the one that the first notebook installs from.
"""

import re
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
URL = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
FILES = [
    ROOT / name
    for name in (
        "README.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "pyproject.toml",
        "book/cite.md",
        "book/faq.md",
        ".github/ISSUE_TEMPLATE/config.yml",
    )
]

CELL = f"""\
# On Colab this installs the package; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install --quiet git+{URL}
import pmf_minimal  # stops here if the installation failed"""


def setup_cell(nb):
    """The first code cell of a notebook."""
    return next(cell for cell in nb.cells if cell.cell_type == "code")


def main():
    """Rewrite what differs."""
    paths = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
    old = re.search(r"git\+(\S+)", setup_cell(nbformat.read(paths[0], as_version=4)).source)[1]
    for path in paths:
        nb = nbformat.read(path, as_version=4)
        if setup_cell(nb).source != CELL:
            setup_cell(nb).source = CELL
            nbformat.write(nb, path)
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if old != URL and old in text:
            path.write_text(text.replace(old, URL), encoding="utf-8")


if __name__ == "__main__":
    main()
