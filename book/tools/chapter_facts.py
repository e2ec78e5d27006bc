"""The line under a chapter's title: how long reading, exercises and computing take; open it in Colab, download it.

It is put into the staged copy when the site is built (build_site.py), never into the notebooks themselves: there it would be
wrong after the next change of the text. The times are those of the chapter: its words, its exercises' headings, and the
sentence of its opening that says how long it computes. What a chapter does not say is left out.
"""

import html
import re
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import yaml
from exercise_list import exercises_of
from pipeline_map import START

ROOT = Path(__file__).resolve().parents[2]
WORDS_PER_MINUTE = 200
COMPUTING = re.compile(r"\*\*It takes\*\* (.{3,40}?) of computing on two CPU cores")


def without_fences(text):
    """Markdown without its code; of a box (a fence with a name in braces, but for raw HTML) the text stays."""
    lines, open_fences = [], []
    for line in text.split("\n"):
        fence = re.match(r"(```+|~~~+)(.*)", line)
        if fence and open_fences and not fence[2].strip() and fence[1] == open_fences[-1][0]:
            open_fences.pop()
        elif fence:
            open_fences.append((fence[1], fence[2].startswith("{") and not fence[2].startswith(("{raw}", "{code"))))
        elif all(box for _, box in open_fences) and not (open_fences and re.match(r":[\w-]+:", line)):
            lines.append(line)
    return "\n".join(lines)


def words_of(nb):
    """How many words of prose a notebook has: without code, formulas, pictures, and hints and solutions, which are folded.

    The row of links to the other chapters is a picture on the page.
    """
    cells = [cell for cell in nb.cells if cell.cell_type == "markdown" and not cell.source.startswith(START)]
    text = "\n\n".join(without_fences(cell.source) for cell in cells)
    text = re.sub(r"<(details|svg|style|script)\b.*?</\1>", " ", text, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|<[^>]+>|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL)
    return len(re.findall(r"[^\W\d_][\w'’-]*", text))


def reading(nb):
    """Minutes, as the chapter's opening says (the lint compares them with its words); by its words if it says nothing."""
    match = re.search(r"(\d+) minutes of reading", nb.cells[0].source)
    return int(match[1]) if match else max(1, round(words_of(nb) / WORDS_PER_MINUTE))


def computing(nb):
    """How long the chapter computes, as its opening says; None if it says nothing."""
    match = COMPUTING.search(" ".join(nb.cells[0].source.split()))
    return match[1] if match else None


def facts(nb, stem):
    """The line as HTML, one element without blank lines.

    Args:
        nb: the notebook.
        stem: its file name without the ending.
    """
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    path = f"{urlsplit(repository['url']).path}/blob/{repository['branch']}/notebooks/{stem}.ipynb"
    exercises = sum(exercise.minutes for exercise in exercises_of(nb))
    minutes = reading(nb)
    parts = [f"Reading: {minutes} minute{'s' * (minutes > 1)}"]
    parts += [f"Exercises: {exercises} minutes"] if exercises else []
    parts += [f"Computing: {html.escape(time)} on two CPU cores"] if (time := computing(nb)) else []
    parts += [
        f'<a href="https://colab.research.google.com/github{path}">Open in Colab</a>',
        # Beside the page, where the theme's own button for it leads, too.
        f'<a href="../_sources/notebooks/{stem}.ipynb" download>Download the notebook</a>',
    ]
    items = "".join(f"<li>{part}</li>" for part in parts)
    return f'<ul class="chapter-facts" aria-label="This chapter">{items}</ul>'


def write(path):
    """Put the line under the title of the staged notebook `path`."""
    nb = nbformat.read(path, as_version=4)
    title, rest = re.fullmatch(r"(# [^\n]+\n)(.*)", nb.cells[0].source + "\n", re.DOTALL).groups()
    nb.cells[0].source = f"{title}\n{facts(nb, path.stem)}\n\n{rest.strip()}"
    nbformat.write(nb, path)
