"""The sources of the pages: all of them in the table of contents, all in order."""

import re

import pytest
from bookfiles import NOTEBOOKS, PAGES, REPOSITORY, ROOT, check_headings, name, toc_files


def test_every_page_of_the_contents_exists_once():
    files = toc_files()
    assert len(files) == len(set(files))
    missing = [f for f in files if not any((ROOT / f).with_suffix(end).exists() for end in (".md", ".ipynb"))]
    assert not missing


def test_no_page_is_left_out_of_the_contents():
    """Jupyter Book says nothing about such a page: it is just not there."""
    files = set(toc_files())
    assert [name(p) for p in PAGES + NOTEBOOKS if str(p.relative_to(ROOT).with_suffix("")) not in files] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_headings_do_not_jump(path):
    check_headings(path.read_text())


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES], ids=name)
def test_pictures_have_alt_text(path):
    text = path.read_text()
    assert not re.search(r"!\[\s*\]\(", text), "a picture without alt text"
    for block in re.findall(r"^(?:```+|:::+)\{(?:figure|image)\}.*?^(?:```+|:::+)\s*$", text, re.DOTALL | re.MULTILINE):
        assert re.search(r"^:alt: \S|^alt: \S", block, re.MULTILINE), f"a picture without alt text: {block[:60]}"


def test_the_address_of_the_repository_is_the_same_everywhere():
    """_config.yml has it; where it has to be written out a second time, it may not differ."""
    owner = REPOSITORY.rsplit("/", 1)[0]
    for path in [ROOT / "README.md", ROOT / "pyproject.toml", *PAGES, *NOTEBOOKS]:
        for found in re.findall(rf"{re.escape(owner)}/[\w-]+", path.read_text()):
            assert found == REPOSITORY, f"{name(path)} names {found}"
