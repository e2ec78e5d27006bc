"""Has this folder arrived whole, and does the book run here? Needs nothing but Python; asks nothing of the network.

    python check.py

Compares the checksums of all files and looks through the site; where the requirements are installed, it also
installs the wheel into a folder of its own, aligns two graphs and runs a chapter, both at the smallest scale.
The exit code is 0 if all that could be checked is right, else 1.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).resolve().parent
SECONDS = 900  # for one step, on a slow machine
CHAPTER = "00_quickstart.ipynb"
# Far above chance, which is one in a thousand, and far below what the smallest scale reaches, 0.6.
ENOUGH = 0.3
ALIGN = """
import pmf_minimal
from pmf_minimal import SCALES, fit, load

run = fit(load("emoji/fr_en"), SCALES["smoke"])
print(pmf_minimal.__file__)
print(run.evaluate().loc["joint"]["Hits@1"].min())
"""


class Wrong(Exception):
    """What is amiss, in words."""


def checksums():
    """Every file as it was packed; returns what to say."""
    wrong, lines = [], (HERE / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    for line in lines:
        digest, name = line.split("  ", 1)
        path = HERE / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            wrong.append(f"{name} has changed")
    if wrong:
        raise Wrong("; ".join(wrong[:10]) + (f"; and {len(wrong) - 10} more" if len(wrong) > 10 else ""))
    return f"{len(lines)} files, all as they were packed"


class Page(HTMLParser):
    """Gathers what a page loads, and which files of the site it leads to."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loads += [attributes["src"]] if attributes.get("src") else []
        if attributes.get("href"):
            fetched = tag == "link" and attributes.get("rel") not in ("canonical", "author")
            (self.loads if fetched else self.links).append(attributes["href"])


def site():
    """All pages are there, and all that they show and lead to; nothing comes from outside."""
    folder = HERE / "site"
    index = (folder / "searchindex.js").read_text(encoding="utf-8")
    named = [folder / f"{name}.html" for name in json.loads(re.search(r'"docnames": ?(\[.*?\])', index)[1])]
    wrong = [f"page {path.name} is missing" for path in named if not path.is_file()]
    pages = sorted({path for path in named if path.is_file()} | set(folder.glob("*.html")))
    for path in pages:
        page = Page(path)
        for address in page.loads + page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loads and parts.scheme != "data":
                    wrong.append(f"{path.name} loads {address}")
            elif parts.path and not (path.parent / unquote(parts.path)).is_file():
                wrong.append(f"{path.name} leads to {address}, which is not there")
    if wrong:
        raise Wrong("; ".join(wrong[:10]))
    return f"{len(pages)} pages; all that they show and lead to is there, and nothing comes from outside"


def missing(wheel):
    """Names of packages that the wheel or the chapters need and that are not installed."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        wanted = Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist", [])
    names = [re.match(r"[\w.-]+", line)[0] for line in wanted if "extra ==" not in line]
    found = []
    for name in [*names, "ipykernel", "papermill", "pip"]:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(name)
    return found


def run(arguments, folder, packages=None):
    """Run Python; returns what it printed."""
    environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment |= {"PYTHONUTF8": "1", "PYTHONPATH": str(packages or "")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=folder, env=environment, timeout=SECONDS,
        capture_output=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    if done.returncode:
        raise Wrong(f"{done.stdout}\n{done.stderr}".strip()[-3000:])
    return done.stdout


def aligns(wheel, folder):
    """The wheel can be installed and aligns two graphs."""
    packages = folder / "packages"
    run(["-m", "pip", "install", "--no-index", "--no-deps", "--quiet", "--target", packages, wheel], folder)
    where, found = run(["-c", ALIGN], folder, packages).splitlines()[-2:]
    if not Path(where).resolve().is_relative_to(packages.resolve()):
        raise Wrong(f"not the wheel was imported but {where}")
    if float(found) < ENOUGH:
        raise Wrong(f"only {float(found):.0%} of the test pairs are found at once, where {ENOUGH:.0%} is little")
    return f"{wheel.name} aligns emoji/fr_en: {float(found):.0%} of the test pairs at once, at the smallest scale"


def computes(folder):
    """A chapter runs from its first cell to its last."""
    notebook = HERE / "notebooks" / CHAPTER
    options = ["--no-progress-bar", "-k", "python3", "-p", "scale", "smoke"]
    run(["-m", "papermill", notebook, folder / CHAPTER, *options], folder, folder / "packages")
    return f"{CHAPTER} runs from its first cell to its last, at the smallest scale"


def main():
    try:
        for step in (checksums, site):
            print(f"right: {step()}", flush=True)
        (wheel,) = HERE.glob("*.whl")
        if absent := missing(wheel):
            print(f"not checked: whether the package and a chapter run; not installed here: {', '.join(absent)}")
            print("(python -m pip install -r requirements.txt installs all that is needed)")
            return 0
        with tempfile.TemporaryDirectory() as scratch:
            print(f"right: {aligns(wheel, Path(scratch))}", flush=True)
            print(f"right: {computes(Path(scratch))}", flush=True)
    except Wrong as error:
        print(f"WRONG: {error}")
        return 1
    print("All is well.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
