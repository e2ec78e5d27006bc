"""Rules of form: notebooks as they are committed, pages, and what both of them name.

nbval passes a notebook that was never executed, and a build with stored outputs shows stored errors: so this is where
those are found.
"""

import ast
import base64
import copy
import html
import io
import json
import re
from collections import Counter
from functools import cache

import pandas as pd
from bookfiles import REPOSITORY, ROOT, heading_faults, toc_files
from execute import KERNEL, LANGUAGE, normalise
from exercise_list import exercises_of
from lint import Book, Finding, rule, shown
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from setup_cell import CELL

LARGEST_OUTPUT = 200_000  # bytes in one cell: a page of many larger ones is slow to load and its diffs unreadable
LONGEST_CELL = 30  # lines that a reader sees at once
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}


def plain(source):
    """Code without IPython's own commands, which are no Python."""
    return re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.MULTILINE)


def tree(cell):
    return ast.parse(plain(cell.source))


def tags(cell):
    return set(cell.metadata.get("tags", []))


# --- Samples: a small notebook with a mistake ------------------------------------------------------------------------


def notebook(*cells, metadata=None):
    """A chapter of these cells; a text is a cell of code, a list one of prose."""
    made = [
        new_markdown_cell(cell[0])
        if isinstance(cell, list)
        else cell
        if not isinstance(cell, str)
        else new_code_cell(cell)
        for cell in cells
    ]
    metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE} if metadata is None else metadata
    return Book(notebooks={"notebooks/00_sample.ipynb": new_notebook(cells=made, metadata=metadata)})


def displays(markup, **more):
    return new_code_cell(
        "0", outputs=[new_output("display_data", data={"text/html": markup} | more)], execution_count=1
    )


def page(text):
    return Book(pages={"book/sample.md": text})


# --- Notebooks as they are committed ---------------------------------------------------------------------------------


@rule("executed from top to bottom", notebook("0"))
def executed(book):
    """Else: not run in one go from a fresh kernel."""
    for file, nb in book.notebooks.items():
        counts = [cell.execution_count for cell in nb.cells if cell.cell_type == "code"]
        if counts != list(range(1, len(counts) + 1)):
            yield Finding(file, "its code", "was not run in one go from a fresh kernel: use `make refresh`")


WARNS = new_code_cell("0", outputs=[new_output("stream", name="stderr", text="a warning")])


@rule("no errors and nothing on stderr", notebook(WARNS))
def errors(book):
    for file, where, cell in book.code():
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                yield Finding(file, where, f"ends in {output.get('ename')}")
            if output.get("name") == "stderr":
                yield Finding(file, where, f"prints a warning: {output.text[:200]}")


@rule("as make refresh writes it", notebook("0", metadata={"widgets": {}}))
def refreshed(book):
    for file, nb in book.notebooks.items():
        if "widgets" in nb.metadata:
            yield Finding(file, "metadata", "widget state makes the page load scripts from outside: use plain tqdm")
        if "language_info" not in nb.metadata:
            yield Finding(file, "metadata", "without language_info every cell of the page warns about its lexer")
        if normalise(copy.deepcopy(nb)) != nb:
            yield Finding(file, "metadata", "is an editor's or of one run: use `make refresh`")


@rule("fences and folds are closed", notebook(["```python\n1"]))
def closed(book):
    """One that is left open swallows the rest of its cell, headings and exercises included."""
    for file, where, text in book.texts():
        if len(re.findall(r"^ *(?:```|:::)", text, re.MULTILINE)) % 2:
            yield Finding(file, where, f"a block of code is not closed after {text[:60]!r}")
        if text.count("<details>") != text.count("</details>"):
            yield Finding(file, where, f"something folded is not closed after {text[:60]!r}")


@rule("outputs are small and name no machine", notebook(displays("<p>/home/me/x</p>")))
def outputs(book):
    for file, where, cell in book.code():
        text = json.dumps(cell.outputs)
        if len(text) > LARGEST_OUTPUT:
            yield Finding(file, where, f"stores {len(text) // 1000} kB")
        # Not inside an embedded picture, where any letters may follow each other.
        text = re.sub(r"base64,[A-Za-z0-9+/=\\n]+", "", text)
        if found := re.search(r"(/(home|root|tmp|Users)/|site-packages|[A-Z]:\\\\)\S*", text):
            yield Finding(file, where, f"shows a path of the machine it ran on: {found[0]}")


@rule(
    "pictures have words",
    Book(pages={"book/sample.md": "![](a.png)"}, notebooks=notebook(displays("", **{"image/png": ""})).notebooks),
)
def pictures(book):
    for file, where, cell in book.code():
        for output in cell.outputs:
            data = output.get("data", {})
            bare = [kind for kind in data if kind.startswith("image/")]
            if bare and not data.get("text/html"):
                yield Finding(file, where, f"shows {bare[0]} without alt text: use pmf_minimal.teaching.plots.show")
        for page in shown(cell):
            for tag in page.select("img, svg"):
                alt = tag.get("alt") if tag.name == "img" else tag.get("aria-label") or tag.find("title")
                if not alt and tag.get("aria-hidden") != "true":
                    yield Finding(file, where, "has a picture that says nothing to those who cannot see it")
    for file, where, text in book.texts():
        if re.search(r"!\[\s*\]\(", text):
            yield Finding(file, where, "a picture without alt text")
        for block in re.findall(
            r"^(?:```+|:::+)\{(?:figure|image)\}.*?^(?:```+|:::+)\s*$", text, re.DOTALL | re.MULTILINE
        ):
            if not re.search(r"^:alt: \S|^alt: \S", block, re.MULTILINE):
                yield Finding(file, where, f"a picture without alt text: {block[:60]}")


@rule("headings do not jump", page("# a\n\n### c\n"))
def headings(book):
    texts = dict(book.pages)
    for file, nb in book.notebooks.items():
        texts[file] = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    for file, text in texts.items():
        for fault in heading_faults(text):
            yield Finding(file, "headings", fault)


SET_UP = 'scale = "quick"'


@rule("the first cells", notebook("1", SET_UP))
def first_cells(book):
    """Set-up first, the same everywhere; then what papermill may replace, committed at the quick scale."""
    for file, nb in book.notebooks.items():
        setup, parameters, *_ = (cell for cell in nb.cells if cell.cell_type == "code")
        if setup.source != CELL:
            yield Finding(file, "first cell of code", "differs: run python book/tools/setup_cell.py")
        if f"git+{REPOSITORY}\n" not in CELL:
            yield Finding(file, "first cell of code", "must install from the repository that _config.yml names")
        if [cell for cell in nb.cells if "parameters" in tags(cell)] != [parameters]:
            yield Finding(file, "second cell of code", "is the one, and the only one, to be tagged parameters")
        if not re.search(r"""^scale\s*(:.*)?=\s*["']quick["']""", parameters.source, flags=re.MULTILINE):
            yield Finding(file, "parameters", 'are committed with scale = "quick"')


def names(cell, context):
    return {n.id for n in ast.walk(tree(cell)) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


UNUSED = notebook("0", new_code_cell(SET_UP, metadata={"tags": ["parameters"]}), "print(1)")


@rule("every parameter is used", UNUSED, [
    ("notebooks/01_task_and_data.ipynb", "device", "it trains nothing"),
    ("notebooks/01_task_and_data.ipynb", "scale", "it trains nothing"),
    ("notebooks/16_released_code.ipynb", "device", "it trains nothing"),
])  # fmt: skip
def parameters_used(book):
    """A parameter that no cell reads changes nothing: a scale, say, that takes as long as before."""
    for file, nb in book.notebooks.items():
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        given = [cell for cell in code if "parameters" in tags(cell)]
        read = set().union(*(names(cell, ast.Load) for cell in code if cell not in given))
        for name in set().union(*(names(cell, ast.Store) for cell in given)) - read:
            yield Finding(file, "parameters", f"{name} is read nowhere")


@rule("what an opening says of the full scale was measured", notebook(['`scale="full"` takes long.']))
def full_scale(book):
    """A time with the device that it was measured on, or that nobody has measured it; the preface says it for all others."""
    known = r" (takes \d+ (seconds|minutes|hours) on an? \S+|is here the same as `quick`|takes on a GPU has not been measured)"
    for file, nb in book.notebooks.items():
        _, named, said = nb.cells[0].source.partition('`scale="full"`')
        if named and not re.match(known, said):
            yield Finding(file, "opening", 'should end with: `scale="full"` takes 3 minutes on an H100.')


def functions(source):
    """Name -> code of the functions at the top of a piece of Python, without docstrings and annotations."""
    found = {}
    for node in ast.parse(plain(source)).body:
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node):
                node.body = node.body[1:]
            for part in ast.walk(node):
                if isinstance(part, ast.arg):
                    part.annotation = None
                elif isinstance(part, ast.FunctionDef):
                    part.returns = None
            found[node.name] = ast.unparse(node)
    return found


@cache
def of_the_package():
    """Name -> codes of the public functions of the package's root."""
    found = {}
    for module in sorted((ROOT / "pmf_minimal").glob("*.py")):
        for function, code in functions(module.read_text(encoding="utf-8")).items():
            if not function.startswith("_"):
                found.setdefault(function, []).append(code)
    return found


@rule("what bears the name of a package function is that function", notebook("def fuse(a):\n    return a"))
def package_functions(book):
    """A chapter may show the package's code, or develop its own version under a name of its own."""
    for file, where, cell in book.code():
        for function, code in functions(cell.source).items():
            if code not in of_the_package().get(function, [code]):
                yield Finding(file, where, f"{function} differs from the package's")


TWICE = Book(
    notebooks={f"notebooks/{n}.ipynb": new_notebook(cells=[new_code_cell("def face(a):\n    return a")]) for n in "ab"}
)


@rule("no helper is defined in two chapters", TWICE)
def helpers(book):
    """What two chapters need belongs in the package. Answers to exercises are the reader's own."""
    seen = {}
    for file, where, cell in book.code():
        if not tags(cell) & {"stub", "check", "solution"}:
            for function in functions(cell.source):
                seen.setdefault(function, {}).setdefault(file, where)
    for function, files in seen.items():
        for file, where in files.items():
            if len(files) > 1:
                others = sorted(other.rpartition("/")[2][:2] for other in files if other != file)
                yield Finding(file, where, f"{function} is defined in chapters {', '.join(others)} too")


@rule("no visible cell is too long", notebook("1\n" * 40))
def long_cells(book):
    for file, where, cell in book.code():
        length = len(cell.source.splitlines())
        if length > LONGEST_CELL and not tags(cell) & HIDDEN:
            yield Finding(file, where, f"{length} lines are visible, {LONGEST_CELL} at most: fold it, or split it")


@rule("a figure is the last thing of its cell", notebook("plots.show(fig)\n1"))
def figure_last(book):
    """`plots.show` gives the figure back, and a cell shows only its last value."""
    for file, where, cell in book.code():
        for line in tree(cell).body[:-1]:
            if isinstance(line, ast.Expr) and ast.unparse(line).startswith("plots.show("):
                yield Finding(file, where, "what follows hides the figure")


CLOCKS = r"\b(?:perf_counter|process_time|thread_time|monotonic|time)\(\)"
TIMED = "def took(f):\n    start = time.time()\n    f()\n    return time.time() - start", "assert took(f) < 3"


def measured(cell, clocks):
    """Names that a cell computes from a clock, or from what it has computed from one. `clocks` are functions that read one."""
    found = set()
    for node in ast.walk(tree(cell)):  # in the order of the lines, so far as they stand side by side
        if isinstance(node, ast.Assign):
            called = {
                n.func.id for n in ast.walk(node.value) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
            }
            read = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
            if re.search(CLOCKS, ast.unparse(node.value)) or called & clocks or read & found:
                found |= {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found | clocks


@rule("no cell asserts how long something takes", notebook(*TIMED))
def durations(book):
    """On a busy machine it would fail, and nothing would be wrong."""
    for file, nb in book.notebooks.items():
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        made = [node for cell in code for node in ast.walk(tree(cell)) if isinstance(node, ast.FunctionDef)]
        clocks = {node.name for node in made if re.search(CLOCKS, ast.unparse(node))}
        for number, cell in enumerate(nb.cells):
            if cell.cell_type == "code":
                times = measured(cell, clocks)
                for node in ast.walk(tree(cell)):
                    words = set(re.findall(r"\w+", ast.unparse(node.test))) if isinstance(node, ast.Assert) else set()
                    if words & (times | {"seconds"}):
                        yield Finding(file, f"cell {number}", f"asserts a duration: {ast.unparse(node.test)[:80]}")


@rule("three to six exercises, of which two are checked", notebook(["### Exercise 1 (easy, 5 minutes): a title"]))
def exercises(book):
    for file, nb in book.notebooks.items():
        found = exercises_of(nb)
        if not 3 <= len(found) <= 6 or sum(e.checked for e in found) < 2:
            yield Finding(file, "exercises", f"{len(found)}, of which {sum(e.checked for e in found)} are checked")
        for e in found:
            if e.difficulty not in ("easy", "medium", "hard", "open"):
                yield Finding(file, f"exercise {e.number}", f"{e.difficulty} is no difficulty")


# --- Figures ---------------------------------------------------------------------------------------------------------

ONE_RUN = re.compile(r"\b(one|single|same|is a) run\b", re.IGNORECASE)


def figures(cell):
    """(caption, its numbers or None) of every figure that ``plots.show`` has drawn."""
    for page in shown(cell):
        for figure in page.select("figure:has(> img)"):
            link = figure.select_one("a[download]")
            table = link and pd.read_csv(io.BytesIO(base64.b64decode(link["href"].partition(",")[2])))
            yield figure.figcaption.get_text(), table


def bare(caption, table):
    """What is wrong with a figure of stored runs, or None. It brings the numbers that it shows as CSV."""
    if ONE_RUN.search(caption) and (table is None or "low" not in table):
        return None
    if table is None or not {"mean", "low", "high"} <= set(table):
        return "has no intervals and does not say that it shows one run"
    if not (table["low"] <= table["high"]).any():
        return "has empty intervals"
    if "n" in table and table["n"].max() < 5:
        return "rests on fewer than five seeds"
    if "95 %" not in caption:
        return "does not say that its bars or bands are 95 % intervals"
    return None


@rule(
    "figures of stored runs show intervals",
    notebook("cards.runs('x')", displays("<figure><img><figcaption>Means.</figcaption></figure>")),
)
def intervals(book):
    """Or say that they show one run."""
    for file, nb in book.notebooks.items():
        if any("cards.runs(" in cell.source for cell in nb.cells):
            for number, cell in enumerate(nb.cells):
                for caption, table in figures(cell):
                    if fault := bare(caption, table):
                        yield Finding(file, f"cell {number}", f"the figure {caption[:70]!r} {fault}")


# --- Pages and what is named in them ---------------------------------------------------------------------------------


STALE = notebook(
    new_code_cell(
        'plots.show(fig, caption="As it is.")', outputs=displays("<figcaption>As it was.</figcaption>").outputs
    )
)


@rule("captions are those of the code", STALE)
def captions(book):
    """A cell whose output is not compared can be changed and not run again: then its page says what it said before."""
    for file, nb in book.notebooks.items():
        for place, cell in enumerate(nb.cells):
            if cell.cell_type != "code" or not cell.outputs:
                continue
            outputs = " ".join(
                html.unescape(re.sub(r"<[^>]*>", " ", json.dumps(cell.outputs, ensure_ascii=False))).split()
            )
            for call in (node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)):
                for word in call.keywords:
                    if word.arg != "caption" or not isinstance(word.value, ast.Constant):
                        continue
                    said = re.sub(
                        r"<[^>]*>", " ", html.unescape(json.dumps(word.value.value, ensure_ascii=False)[1:-1])
                    )
                    if " ".join(said.split()) not in outputs:
                        yield Finding(file, f"cell {place}", f"the stored output has another caption: {said[:60]}")


@rule("every page is in the contents, once", page("# A page that no one can find"))
def contents(book):
    """Jupyter Book says nothing about a page that is left out: it is just not there."""
    listed = Counter(toc_files())
    for file in [*book.pages, *book.notebooks]:
        if listed[file.rpartition(".")[0]] != 1:
            yield Finding(file, "_toc.yml", f"stands there {listed[file.rpartition('.')[0]]} times")
    for file in listed:
        if not any((ROOT / file).with_suffix(end).exists() for end in (".md", ".ipynb")):
            yield Finding("_toc.yml", file, "does not exist")


@rule("the address of the repository is the same everywhere", page(REPOSITORY.rsplit("/", 1)[0] + "/something-else"))
def address(book):
    """_config.yml has it; where it has to be written out a second time, it may not differ."""
    owner = REPOSITORY.rsplit("/", 1)[0]
    for file, where, text in [*book.texts(), *((file, where, cell.source) for file, where, cell in book.code())]:
        for found in re.findall(rf"{re.escape(owner)}/[\w-]+", text):
            if found != REPOSITORY:
                yield Finding(file, where, f"names {found}")


@rule("files and modules that are named exist", page("`pmf_minimal/nothing.py` and `pmf_minimal.nothing.at_all`"))
def named(book):
    """In prose and in code: what was moved or renamed is not where the text says."""
    for file, where, text in [*book.texts(), *((file, where, cell.source) for file, where, cell in book.code())]:
        for path in set(
            re.findall(
                r"(?<![\w/.-])((?:pmf_minimal|book|tests|notebooks)/[\w/.-]*\.(?:py|ya?ml|csv|md|ipynb|bib|cfg|json|txt))\b",
                text,
            )
        ):
            if not (ROOT / path).exists() and not path.startswith("book/api"):
                yield Finding(file, where, f"there is no {path}")
        for dotted in set(re.findall(r"\bpmf_minimal((?:\.[a-z]\w*)+)", text)):
            first = dotted.split(".")[1]
            if not (
                (ROOT / "pmf_minimal" / first).is_dir()
                or (ROOT / "pmf_minimal" / f"{first}.py").exists()
                or first in front_door()
            ):
                yield Finding(file, where, f"there is no pmf_minimal.{first}")


@cache
def front_door():
    """Words of the package's own file: what it offers, however it does so."""
    return set(re.findall(r"\w+", (ROOT / "pmf_minimal" / "__init__.py").read_text(encoding="utf-8"))) | {
        "ipynb",
        "csv",
    }


GLOSSARY = "book/glossary.md"


@rule("the glossary is in order and brief", Book(pages={GLOSSARY: "```{glossary}\nb\n  Second.\n\na\n  First\n```\n"}))
def glossary(book):
    if GLOSSARY not in book.pages:
        return
    body = re.search(r"```\{glossary\}\n(.*?)```", book.pages[GLOSSARY], re.DOTALL)[1]
    entries = [re.match(r"((?:\S.*\n)+)((?:  .*\n?)+)", entry + "\n") for entry in body.strip().split("\n\n")]
    words = [entry[1].splitlines()[0] for entry in entries]
    for before, word in zip(words, words[1:], strict=False):
        if not before.lower() < word.lower():
            yield Finding(GLOSSARY, word, f"stands after {before!r}: each word once, in order")
    for word, entry in zip(words, entries, strict=True):
        if not (10 < len(entry[2]) < 260 and entry[2].rstrip().endswith(".")):
            yield Finding(GLOSSARY, word, "is explained in a sentence or two")
