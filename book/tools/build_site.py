"""Build the HTML of the book from the pages and from notebooks that already have their outputs.

    python book/tools/build_site.py NOTEBOOKS      # the site is then in _build/html

Everything is first laid out in _build/source, because the notebooks shown are executed copies (not the files in
notebooks/), and because MathJax is put beside the style sheets there: so the repository holds neither.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import anchors
import chapter_facts
import glossary_links
import pipeline_map
import subject_index
import thumbnails
from expected import compare, measure

ROOT = Path(__file__).resolve().parents[2]

# Old name of a page -> its name since release 0.2, so that links of the first release still lead to the chapter.
MOVED = {
    "notebooks/17_own_graphs": "notebooks/18_own_graphs",
    "notebooks/18_speed": "notebooks/19_speed",
    "notebooks/19_beyond": "notebooks/17_beyond",
}
REDIRECT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>This page has moved</title>
<link rel="canonical" href="{page}">
<meta http-equiv="refresh" content="0; url={page}">
</head>
<body><p>This chapter has another number now: <a href="{page}">go to it</a>.</p></body>
</html>
"""


def mathjax_folder():
    """The `es5` folder of the MathJax that requirements.txt installs as plain files (package django-static-mathjax)."""
    package = importlib.util.find_spec("mathjax")
    return Path(package.submodule_search_locations[0]) / "static" / "mathjax" / "es5"


def stage(notebooks, source):
    """Lay out in `source` what Jupyter Book is to see."""
    source.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "book", source / "book", ignore=shutil.ignore_patterns("tools", "__pycache__"))
    # Only what the repository has: an executed copy of a notebook since deleted must not come back.
    (source / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").rglob("*")):
        if ".ipynb_checkpoints" in path.parts or path.is_dir():
            continue
        relative = path.relative_to(ROOT / "notebooks")
        (source / "notebooks" / relative).parent.mkdir(parents=True, exist_ok=True)
        origin = notebooks / relative if path.suffix == ".ipynb" else path
        shutil.copy(origin, source / "notebooks" / relative)
    # Both read the chapters as they are written, so they come before anything is added to them.
    thumbnails.write(source)
    subject_index.write(source)
    known = glossary_links.terms(glossary_links.GLOSSARY.read_text(encoding="utf-8"))
    for chapter in sorted((source / "notebooks").glob("[0-9]*.ipynb")):
        chapter_facts.write(chapter)
        if chapter.stem in pipeline_map.BOXES:
            pipeline_map.draw(chapter)
        glossary_links.link_page(chapter, known)

    copy_mathjax(source / "book" / "_static" / "mathjax")


def copy_mathjax(target):
    """Put MathJax with its fonts into the folder `target`, replacing what is there."""
    shutil.rmtree(target, ignore_errors=True)
    # The script finds its fonts relative to itself, so the two keep their places.
    for relative in ("tex-chtml-full.js", "output/chtml/fonts/woff-v2"):
        origin = mathjax_folder() / relative
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if origin.is_dir() else shutil.copy)(origin, target / relative)


def build(notebooks, folder):
    """Build `folder`/_build/html.

    Returns:
        Jupyter Book's exit code, which is not 0 after any warning; 1 if the site has shrunk since the last release.
    """
    out = Path(folder).resolve() / "_build"
    # From nothing each time: it takes seconds, whereas pages left over from an earlier build hide their warnings.
    for leftover in ("source", "html", ".doctrees"):
        shutil.rmtree(out / leftover, ignore_errors=True)
    stage(Path(notebooks).resolve(), out / "source")
    jupyter_book = Path(sys.executable).with_name("jupyter-book")  # this environment's, whether it is active or not
    command = [jupyter_book, "build", out / "source", "--path-output", out.parent]
    command += ["-W", "-n", "--keep-going"]  # a warning is an error, a dead reference too; show all before stopping
    # Sphinx finds the extension beside this file, and documents the package that this Python imports.
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    code = subprocess.run(command, cwd=out.parent, env=os.environ | {"PYTHONPATH": path}).returncode
    if code == 0:
        redirect(out / "html")
        anchors.write(out / "html")
        originals(Path(notebooks), out / "html")
        code = compare(measure(out / "html"))
    return code


def originals(notebooks, site):
    """Let the downloads be the notebooks themselves, and not the copies with what is drawn for the pages."""
    for copy in (site / "_sources" / "notebooks").glob("*.ipynb"):
        shutil.copy(notebooks / copy.name, copy)


def redirect(site):
    """Leave a page at each old address that leads to the new one."""
    for old, new in MOVED.items():
        if not (site / f"{new}.html").is_file():
            continue
        # Both lie in one folder, so the name alone is the address, from file:// too.
        (site / f"{old}.html").write_text(REDIRECT.format(page=f"{Path(new).name}.html"), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", type=Path, help="folder with the executed notebooks")
    parser.add_argument("--to", type=Path, default=ROOT, metavar="FOLDER", help="default: the repository")
    args = parser.parse_args()
    return build(args.notebooks, args.to)


if __name__ == "__main__":
    sys.exit(main())
