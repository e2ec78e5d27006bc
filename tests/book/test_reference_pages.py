"""Notation, API and bibliography: complete, and true of the package."""

import dataclasses
import importlib
import inspect
import re

import pytest
import torch
from bookfiles import NOTEBOOKS, PAGES, ROOT, read
from glossary_links import GLOSSARY, linked, terms
from pybtex.database import parse_file

from pmf_minimal.config import PRESETS, PMFConfig
from pmf_minimal.datasets import load
from pmf_minimal.encoders import DiagonalGATConv, LinearEncoder, StructureEncoder
from pmf_minimal.model import PMF

# --- Notation -----------------------------------------------------------------------------------------------------------

NOTATION = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
ROWS = [line.split(" | ") for line in NOTATION.splitlines() if line.startswith("| ") and "in the code" not in line]
NAMES = sorted({name for row in ROWS for name in re.findall(r"`(\w+\.\w+)`", row[1])})


@pytest.fixture(scope="module")
def objects():
    """What the first half of a name in the notation stands for."""
    graphs = load("emoji/fr_en").split(seed=0)
    model = PMF(graphs, PRESETS["quick"].replace(dim=4))
    return {"GraphPair": graphs, "PMF": model, "PMFConfig": PMFConfig(),
            "StructureEncoder": model.encoders["structure"], "LinearEncoder": model.encoders["image"],
            "DiagonalGATConv": DiagonalGATConv(4, 1, torch.Generator())}  # fmt: skip


def exists(name, objects):
    owner, attribute = name.split(".")
    return hasattr(objects.get(owner) or importlib.import_module(f"pmf_minimal.{owner}"), attribute)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_notation_is_in_the_package(name, objects):
    assert exists(name, objects)


def test_every_symbol_names_the_chapter_that_introduces_it():
    tables = NOTATION.partition("## Letters with several meanings")[0]
    rows = [line for line in tables.splitlines() if line.startswith("| ") and "in the code" not in line]
    assert len(rows) > 30
    assert [row for row in rows if "](../notebooks/" not in row] == []


def test_the_notation_is_looked_at(objects):
    assert len(NAMES) > 40 and isinstance(objects["LinearEncoder"], LinearEncoder)
    assert isinstance(objects["StructureEncoder"], StructureEncoder)
    assert not exists("losses.no_such_loss", objects) and not exists("PMF.no_such_thing", objects)


# --- API ----------------------------------------------------------------------------------------------------------------

API = re.findall(r"automodule:: (pmf_minimal[\w.]*)", (ROOT / "book" / "api.md").read_text(encoding="utf-8"))
# Not for readers of the page: the command line explains itself (--help), and the data are built once.
NOT_SHOWN = r"pmf_minimal\.(cli\.\w+|__main__|datasets\.emoji\.\w+)"
PACKAGES = {"pmf_minimal.datasets.emoji", "pmf_minimal.own"}  # what stands in their __init__ is for readers, too


FILES = [p.relative_to(ROOT).with_suffix("") for p in sorted((ROOT / "pmf_minimal").rglob("*.py"))]
MODULES = [".".join(file.parts) for file in FILES if file.name != "__init__"]
MODULES = [module for module in MODULES if not re.fullmatch(NOT_SHOWN, module)]


def test_every_module_is_on_the_page_of_the_api():
    assert {*MODULES, *PACKAGES} - set(API) == set(), "give each a section with an automodule in book/api.md"
    assert len(API) == len(set(API)) and set(API) == {*MODULES, *PACKAGES}


@pytest.mark.parametrize("name", MODULES)
def test_what_is_public_has_a_docstring(name):
    """Sphinx leaves out whatever has none, without a word."""
    module = importlib.import_module(name)
    for key, value in vars(module).items():
        if key.startswith("_") or getattr(value, "__module__", None) != name:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            doc = value.__doc__ or ""
            made = dataclasses.is_dataclass(value) and doc.startswith(f"{key}(")  # @dataclass's own words
            assert doc and not made, f"{name}.{key} has no docstring"


# --- Bibliography -------------------------------------------------------------------------------------------------------

BIBLIOGRAPHY = parse_file(str(ROOT / "book" / "references.bib")).entries


def cited():
    texts = [path.read_text(encoding="utf-8") for path in PAGES]
    texts += [c.source for path in NOTEBOOKS for c in read(path).cells if c.cell_type == "markdown"]
    keys = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", "\n".join(texts))
    return {key.strip() for group in keys for key in group.split(",")}


def test_every_citation_has_an_entry_and_every_entry_is_cited():
    assert cited() == set(BIBLIOGRAPHY)


@pytest.mark.parametrize("key", BIBLIOGRAPHY)
def test_entries_are_complete(key):
    entry = BIBLIOGRAPHY[key]
    fields = entry.fields
    assert entry.persons.get("author") and fields.get("title") and re.fullmatch(r"\d{4}", fields["year"])
    assert key.startswith(re.sub(r"\W", "", entry.persons["author"][0].last_names[-1]).lower()[:3]), (
        "first author, year, name"
    )
    assert fields["year"] in key
    if entry.type == "inproceedings":
        assert fields.get("booktitle")
    if entry.type == "article":
        assert fields.get("journal") and fields.get("volume")
    found = fields.get("doi") or fields.get("url") or re.search(r"arXiv:\d{4}\.\d{4,5}", fields.get("note", ""))
    assert found, "a reader must be able to find it: doi, url or arXiv number"


# --- Glossary ---------------------------------------------------------------------------------------------------------


def test_every_term_leads_to_a_page_of_the_book():
    body = re.search(r"```\{glossary\}\n(.*?)```", GLOSSARY.read_text(encoding="utf-8"), re.DOTALL)[1]
    entries = body.strip().split("\n\n")
    assert len(entries) > 70
    assert [
        entry for entry in entries if ".ipynb)" not in entry and ".md)" not in entry and "{term}" not in entry
    ] == []


def test_the_first_emphasised_mention_leads_to_the_glossary():
    known = terms("```{glossary}\nanchor\n  One.\n\nhub\nhubness\n  Two.\n```")
    texts = ["# An *anchor*\n\n`*hub*` and $*hub*$. The **anchor** and the *Anchors*, 2*hub*3.", "Again **hubness**."]
    assert list(linked(texts, known)) == [
        "# An *anchor*\n\n`*hub*` and $*hub*$. The **{term}`anchor <anchor>`** and the *Anchors*, 2*hub*3.",
        "Again **{term}`hubness <hubness>`**.",
    ]


def test_every_chapter_of_the_method_leads_to_the_glossary(site):
    for path in NOTEBOOKS:
        if path.stem < "10":
            page = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
            assert "glossary.html#term-" in page, path.stem


def test_rows_of_tables_have_as_many_cells_as_their_heading():
    """A bar in a cell ends it, and what follows moves one column on."""
    for path in sorted((ROOT / "book").glob("*.md")):
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            heading, _, *rows = re.sub(r"`[^`\n]*`|\$[^$\n]*\$", "", table).splitlines()
            assert [row for row in rows if len(re.findall(r"(?<!\\)\|", row)) != heading.count("|")] == [], path.name
