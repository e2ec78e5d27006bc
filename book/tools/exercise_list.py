"""Write book/exercises.md: every exercise of every chapter with its difficulty and time.

    python book/tools/exercise_list.py             # after changes in notebooks/

An exercise begins with a heading `### Exercise 2 (medium, 10 minutes): when greedy is wrong`.
"""

import html
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "exercises.md"
HEADING = re.compile(r"### Exercise (\d+) \(([a-z]+), (\d+) minutes\): (.+)")

HEAD = """# All exercises

{total} exercises in {chapters} chapters, {minutes} minutes in all. *Checked* ones have a stub to fill in and a cell that says what is still wrong; each has a hint and a
solution. The others are open: think, change a parameter, run, compare with what to expect. The [teaching guide](teaching.md) says which to take for which course. This page is made
from the chapters by `book/tools/exercise_list.py`.
"""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter; `checked` if there is a stub and a check for it."""

    number: int
    difficulty: str
    minutes: int
    title: str
    checked: bool


def exercises_of(nb):
    """The exercises of a notebook, in order.

    Raises:
        ValueError: a heading that begins like an exercise's but lacks difficulty, minutes or title, or numbers with gaps.
    """
    found = []
    for cell in nb.cells:
        headings = re.findall(r"^#+ .*", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        for heading in headings:
            if match := HEADING.fullmatch(heading.strip()):
                number, difficulty, minutes, title = match.groups()
                found.append([int(number), difficulty, int(minutes), title, False])
            elif re.match(r"#+ Exercise\b", heading):
                raise ValueError(f"{heading!r}: write it as '### Exercise 2 (medium, 10 minutes): its title'")
        if "stub" in cell.metadata.get("tags", []) and found:
            found[-1][-1] = True
    if [e[0] for e in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"exercises are numbered {[e[0] for e in found]}, not from 1 without gaps")
    return [Exercise(*e) for e in found]


def page():
    """The text of book/exercises.md."""
    sections, everything = [], []
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        nb = nbformat.read(path, as_version=4)
        try:
            exercises = exercises_of(nb)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
        title = next(m[1] for c in nb.cells if (m := re.match(r"# (.+)", c.source)))
        section = f"\n## Chapter {int(path.stem.split('_')[0])}\n\n[{title}](../notebooks/{path.name})\n\n"
        section += "| | exercise | difficulty | minutes | |\n|---|---|---|---|---|\n"
        for e in exercises:
            kind = "checked" if e.checked else "open"
            link = f"../notebooks/{path.stem}.html#exercise-{e.number}"
            section += f'| {e.number} | <a href="{link}">{html.escape(e.title)}</a> | {e.difficulty} | {e.minutes} | {kind} |\n'
        sections.append(section)
        everything += exercises
    minutes = sum(e.minutes for e in everything)
    return HEAD.format(total=len(everything), chapters=len(sections), minutes=minutes) + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
