"""The subject index: every term of the glossary, with the sections that are about it or use it often.

The entries are put into the staged copy of book/subjects.md when the site is built (build_site.py), so that they are always
those of the text. Claims get entries of Sphinx's own index, because that is where the search looks for short names such
as "claim 3": it ignores a number that stands alone.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from chapter_facts import without_fences
from figure_list import slug

OFTEN = 3  # a section uses a term that often, or has it in its heading, or is not listed
MOST = 8  # sections of one term
# Headings that every chapter has: they say nothing about a subject.
COMMON = re.compile(r"^(Summary|Exercises?\b.*|What next\??|Further reading|The case so far|Case so far|Check.*)$")
# Nor does one that is a question, an order or a clause: nobody looks for it by its first word.
NO_SUBJECT = re.compile(
    rf"{COMMON.pattern}|\?|^(All|Along|Against|Every|For|How|In|Look|No|Over|Take|Their|This|To|Try|Watch|What|When|Where|Why|Order of|Rows)\b"
)


@dataclass(frozen=True)
class Section:
    """A heading with the text below it: where it leads, what stands above it."""

    link: str
    heading: str
    page: str
    text: str
    level: int = 2


def sections_of(path, text, page):
    """The sections of a page that have an anchor, in order."""
    found, anchors = [], []
    pieces = re.split(r"^(#{1,3}) ([^\n]+)$", text, flags=re.MULTILINE)
    for marks, heading, body in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        heading = heading.strip()
        anchor = slug(heading)
        anchors.append(anchor)
        anchor += f"-{anchors.count(anchor) - 1}" * (anchors.count(anchor) > 1)
        plain = re.sub(r"\]\([^)]*\)|<[^>]+>|\$[^$]*\$", " ", body)
        found.append(Section(f"{path}#{anchor}", heading, page, plain, len(marks)))
    return found


def sections(root):
    """All sections of the primer and the chapters of a copy of the book in the folder `root`, in reading order."""
    found = sections_of("primer.md", without_fences((root / "book" / "primer.md").read_text("utf-8")), "Primer")
    for path in sorted((root / "notebooks").glob("[0-9]*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(without_fences(cell.source) for cell in cells if cell.cell_type == "markdown")
        found += sections_of(f"../notebooks/{path.name}", text, f"Chapter {int(path.stem.split('_')[0])}")
    return found


def terms(glossary):
    """The terms of the glossary's text, in its order; several of one entry are one each."""
    block = re.search(r"```\{glossary\}\n(.*?)```", glossary, re.DOTALL)[1]
    return [line.strip() for line in block.split("\n") if line.strip() and not line.startswith(" ")]


def pattern(term):
    """What finds a term in a text: its words, with an ending of the plural."""
    words = re.escape(term).replace("@n", r"@\w+")  # Hits@n is Hits@1 or Hits@10 in a text
    return re.compile(rf"(?<![\w-]){words}(?:s|es)?(?![\w-])", re.IGNORECASE if term.lower() == term else 0)


def used_in(term, everything):
    """The sections about a term: first those with it in the heading, then those that use it most; in reading order."""
    words = pattern(term)
    weights = {}
    for number, section in enumerate(everything):
        heading, count = bool(words.search(section.heading)), len(words.findall(section.text))
        if (heading or count) and not COMMON.match(section.heading):
            weights[number] = (heading, count)
    ranked = sorted(weights, key=weights.get, reverse=True)
    # A word that no section is about: where it is used at all.
    best = [n for n in ranked if weights[n] >= (False, OFTEN)][:MOST] or ranked[:3]
    return [everything[number] for number in sorted(best)]


def link(section):
    """A link to a section as Markdown, its page in front."""
    return f"[{section.page}: {section.heading.replace('[', '').replace(']', '')}]({section.link})"


def entries(root):
    """The entries as Markdown, a heading for each letter: the terms, and the headings that no term leads to."""
    everything = sections(root)
    found = {}
    for term in terms((root / "book" / "glossary.md").read_text("utf-8")):
        found[term] = (f"{{term}}`{term}`", used_in(term, everything))
    named = {section for _, places in found.values() for section in places}
    for section in everything:
        # Without its number and its article; a page's own title is in the contents.
        words = re.sub(r"^(\d+\. )?((A|An|The) )?", "", section.heading)
        words = words[0].upper() + words[1:]
        if section not in named and section.level > 1 and words[0].isalpha() and not NO_SUBJECT.search(words):
            found.setdefault(words, (words, []))[1].append(section)
    parts, letter = [], ""
    for words in sorted(found, key=str.lower):
        if words[0].upper() != letter:
            letter = words[0].upper()
            parts.append(f"\n## {letter}\n")
        name, places = found[words]
        if name == words:  # a heading: its own words are the link's, but for the page
            shown = ", ".join(f"[{section.page}]({section.link})" for section in places)
        else:
            shown = "; ".join(map(link, places))
        parts.append(f"* {name}" + f": {shown}" * bool(shown))
    return "\n".join(parts).strip() + "\n"


def index_claims(text):
    """The page of claims with an index entry for each row of its table: the search then knows "claim 3"."""
    numbers = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    title, rest = text.split("\n", 1)
    blocks = "".join(f"```{{index}} single: claim {n}\n```\n\n" for n in dict.fromkeys(numbers))
    return f"{title}\n\n{blocks}{rest.lstrip()}"


def write(source):
    """Fill the staged copy of the index, and give claims their entries."""
    source = Path(source)
    page = source / "book" / "subjects.md"
    if not page.is_file():  # a book of a few pages, as the tests build
        return
    page.write_text(page.read_text("utf-8") + "\n" + entries(source), encoding="utf-8")
    claims = source / "book" / "claims.md"
    claims.write_text(index_claims(claims.read_text("utf-8")), encoding="utf-8")
