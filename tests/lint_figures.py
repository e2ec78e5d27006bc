"""Rules of figures in prose: what a chapter says was measured, a cell of it shows; what it says of times and verdicts holds.

A figure is a number with decimals, a share in per cent, a number of points of Hits@1, or a whole number from 13 on. It is shown if
a cell of its section, or of the one before, prints it, if a figure's table holds it, or if a cell's code has it as a literal (the numbers of a toy; not the bounds of a
check such as `assert gap > 0.2`, which would excuse any text). Round numbers are compared as the text rounds them, shares and points with
what they are of. What a chapter takes from elsewhere is marked, out of sight and in the same cell, with where it is from:

    <!-- given: .648 .835 (the paper, Fig. 7) -->
"""

import ast
import base64
import re

from chapter_facts import words_of
from exercise_list import exercises_of
from lint import Book, Finding, rule, shown
from lint_form import notebook, plain, tags
from lint_prose import prose

PART = (*range(10, 18), 20)  # the chapters of experiments
ONES = {
    word: number
    for number, word in enumerate(
        """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
        eighteen nineteen""".split(),  # noqa: SIM905, a list of them would be twenty lines
        start=1,
    )
}
TENS = {
    f"{word}ty": 10 * number
    for number, word in enumerate(["twen", "thir", "for", "fif", "six", "seven", "eigh", "nine"], start=2)
}
NUMBER = r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?![\w.]*\w)"
WORD = rf"\b(?:(?:{'|'.join(TENS)})(?:-(?:{'|'.join(ONES)}))?|{'|'.join(ONES)})\b"
SHARE = r" ?(?:%|per cent\b)"
POINTS = r"(?: and a half)?(?: to \S+| or \S+| and \S+)? points?\b"
#: Sections that look back at the whole chapter.
WHOLE = r"^## (?:What this teaches|Summary|Exercises|Against the printed)"
GIVEN = r"<!-- given: ([^()]+)\(([^()]+)\) -->"
#: What a number stands behind that is a name and no figure.
NAME = r"(?:\bchapters?|\brows?|\bEq\.|\bFig(?:ure|s)?\.?|\bTables?|\bclaims?|\b[Ee]xercises?|\bappendix|\bsections?|\bquestions?)\W*(?:[\w.]+,? (?:and|to) )?$"


def chapters(book):
    for file, nb in book.notebooks.items():
        if re.match(r"\d+", file.rpartition("/")[2]) and int(file.rpartition("/")[2][:2]) in PART:
            yield file, nb


def value(text):
    """A number in digits or words, with how many decimals it has."""
    if text[0].isalpha():
        tens, _, ones = text.lower().rpartition("-")
        return float(TENS.get(tens, 0) + (ONES | TENS)[ones]), 0
    return float(text.replace(",", "")), len(text.partition(".")[2])


def figures_of(text):
    """(as it is written, value, decimals, whether a share or points) of each figure in a text."""
    for match in re.finditer(rf"{NUMBER}|{WORD}", text, re.IGNORECASE):
        if not match[0] or re.search(NAME, text[max(0, match.start() - 30) : match.start()], re.IGNORECASE):
            continue
        number, decimals = value(match[0])
        after = text[match.end() : match.end() + 40]
        share = bool(re.match(SHARE, after) or re.match(POINTS, after))
        if share or (match[0][0].isalpha() is False and (decimals or number >= 13)):
            yield match[0], number, decimals, share


def literals(cell):
    """Numbers in a cell's code, but for those that something is only larger or smaller than."""
    try:
        tree = ast.parse(plain(cell.source))
    except SyntaxError:
        return
    bounds = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(
            isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops
        ):
            bounds |= {id(side) for side in (node.left, *node.comparators)}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "between":
            bounds |= {id(side) for side in node.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and id(node) not in bounds:
            yield float(node.value)


def numbers_in(text):
    for match in re.finditer(r"(?<![\w.])\d*\.?\d+(?:e[+-]?\d+)?", text.replace(",", "") if "\n" not in text else text):
        yield float(match[0])


def shown_by(cell):
    """All numbers that a cell prints, draws or holds."""
    if cell.cell_type != "code" or tags(cell) & {"stub", "check", "solution", "parameters"}:
        return set()
    found = set(literals(cell))
    for output in cell.outputs:
        data = output.get("data", {})
        for text in (output.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", "")):
            found |= set(numbers_in(text.replace(",", "")))
    for page in shown(cell):
        found |= set(numbers_in(page.get_text(" ").replace(",", "")))
        for link in page.select("a[download]"):
            table = base64.b64decode(link["href"].partition("base64,")[2]).decode()
            found |= set(numbers_in(re.sub(r"[,\n]", " ", table)))
    return found


def numbers_by_place(nb):
    """For each cell the numbers that its section or the one before shows; for openings and ends those of the whole chapter."""
    sections = [[]]
    for cell in nb.cells:
        if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.MULTILINE):
            sections.append([])
        sections[-1].append(cell)
    own = [set().union(*map(shown_by, cells)) for cells in sections]
    for number, cells in enumerate(sections):
        whole = number == 0 or any(re.search(WHOLE, cell.source, re.MULTILINE) for cell in cells)
        yield from [set().union(*(own if whole else own[max(0, number - 1) : number + 1]))] * len(cells)


def is_shown(number, decimals, share, numbers):
    half = 0.5 * 10**-decimals + 1e-9
    if any(abs(n - number) <= half for n in numbers):
        return True
    return share and any(abs(100 * n - number) <= half for n in numbers)


SAMPLE = notebook(["It gains 7.3 points, from .61, as [chapter 10](x) says."], "print(1)")
SAMPLE = Book(notebooks={"notebooks/10_sample.ipynb": next(iter(SAMPLE.notebooks.values()))})


@rule("figures in prose are shown by a cell", SAMPLE)
def bare_figures(book):
    for file, nb in chapters(book):
        exercises = False
        for place, (cell, numbers) in enumerate(zip(nb.cells, numbers_by_place(nb), strict=True)):
            if cell.cell_type != "markdown" or tags(cell) & {"hint"}:
                continue
            source = re.sub(r"\*\*It takes\*\*.*?exercises\.", " ", cell.source, flags=re.DOTALL)
            source = re.sub(r"<details>.*?</details>", " ", source, flags=re.DOTALL)
            exercises |= "## Exercises" in source
            if exercises:
                source = re.sub(r"(?s)^### Exercise.*?(?=^## |\Z)", " ", source, flags=re.MULTILINE)
            given = {word for match in re.finditer(GIVEN, source) for word in match[1].split()}
            text = prose(source)
            for word, number, decimals, share in figures_of(text):
                if word in given:
                    given.discard(word) if text.count(word) < 2 else None
                elif not is_shown(number, decimals, share, numbers):
                    yield Finding(file, f"cell {place}", f"no cell shows {word!r} in: {around(text, word)}")
            for word in given - set(re.findall(r"[\w.,%-]+", text)):
                yield Finding(file, f"cell {place}", f"{word!r} is marked as given and not there")


def around(text, word):
    at = re.search(rf"(?<![\w.]){re.escape(word)}", text).start()
    return " ".join(text[max(0, at - 40) : at + 30].split())


VERDICT = Book(
    notebooks={
        "notebooks/10_a.ipynb": next(iter(notebook(["**Verdict for these graphs: mixed.**"]).notebooks.values()))
    }
)


@rule("verdicts come from the claims page", VERDICT)
def verdicts(book):
    """What `verdicts.show` prints is made from the cards; what a chapter says itself is a finding, not a verdict."""
    for file, nb in chapters(book):
        for place, cell in enumerate(nb.cells):
            if cell.cell_type == "markdown" and (match := re.search(r"\*\*Verdict\b[^*]*\*\*", cell.source)):
                yield Finding(file, f"cell {place}", f"{match[0]} is typed: use pmf_minimal.teaching.verdicts.show")


TIMES = r"(\d+) minutes of reading and (\d+) minutes of exercises\."
HASTY = notebook(["# A\n\n**It takes** 9 minutes of reading and 5 minutes of exercises."])


@rule("openings say how long reading and exercises take", HASTY)
def times(book):
    """Reading at 200 words a minute, within two minutes or a sixth; exercises as their headings say."""
    for file, nb in book.notebooks.items():
        found = re.search(TIMES, " ".join(nb.cells[0].source.split()))
        reading, exercises = words_of(nb) / 200, sum(e.minutes for e in exercises_of(nb))
        if not found:
            yield Finding(
                file,
                "opening",
                f"should say: about {reading:.0f} minutes of reading and {exercises} minutes of exercises.",
            )
        elif abs(int(found[1]) - reading) > max(2, reading / 6) or int(found[2]) != exercises:
            yield Finding(file, "opening", f"{found[0]} It is {reading:.0f} and {exercises}")
