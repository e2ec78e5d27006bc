"""The notebooks as they are committed: complete, tidy, and fit to be compared by nbval and shown to a reader.

nbval passes a notebook that was never executed, and a build with stored outputs shows stored errors: so this is
where those are found.
"""

import ast
import copy
import json
import re

import pytest
from bookfiles import NOTEBOOKS, REPOSITORY, ROOT, check_headings, name, read
from bs4 import BeautifulSoup
from execute import normalise
from setup_cell import CELL

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=name)

LARGEST_OUTPUT = 200_000  # bytes in one cell: a page of many larger ones is slow to load and its diffs unreadable


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS  # else every test below would pass without having looked at anything


@each_notebook
def test_executed_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "not run in one go from a fresh kernel: use `make refresh`"


@each_notebook
def test_no_errors_and_nothing_on_stderr(path):
    for number, cell in enumerate(code_cells(path), 1):
        for output in cell.outputs:
            allowed = "raises-exception" in cell.metadata.get("tags", [])
            assert output.output_type != "error" or allowed, f"cell [{number}] ends in {output.get('ename')}"
            assert output.get("name") != "stderr", f"cell [{number}] prints a warning: {output.text[:200]}"


@each_notebook
def test_as_make_refresh_writes_it(path):
    nb = read(path)
    assert "widgets" not in nb.metadata, "widget state makes the page load scripts from outside: use plain tqdm"
    assert "language_info" in nb.metadata, "without it every cell of the page warns about its lexer"
    assert normalise(copy.deepcopy(nb)) == nb, "metadata of an editor or of one run: use `make refresh`"


@each_notebook
def test_fences_and_folds_are_closed(path):
    """One that is left open swallows the rest of its cell, headings and exercises included."""
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            fences = re.findall(r"^ *```", cell.source, re.MULTILINE)
            assert len(fences) % 2 == 0, f"a block of code is not closed after {cell.source[:60]!r}"
            assert cell.source.count("<details>") == cell.source.count("</details>"), cell.source[:60]


@each_notebook
def test_outputs_are_small_and_name_no_machine(path):
    for number, cell in enumerate(code_cells(path), 1):
        text = json.dumps(cell.outputs)
        assert len(text) <= LARGEST_OUTPUT, f"cell [{number}] stores {len(text) // 1000} kB"
        # Not inside an embedded picture, where any letters may follow each other.
        text = re.sub(r"base64,[A-Za-z0-9+/=\\n]+", "", text)
        found = re.search(r"(/(home|root|tmp|Users)/|site-packages|[A-Z]:\\\\)\S*", text)
        assert not found, f"cell [{number}] shows a path of the machine it ran on: {found[0]}"


@each_notebook
def test_every_picture_has_alt_text(path):
    for number, cell in enumerate(code_cells(path), 1):
        for output in cell.outputs:
            data = output.get("data", {})
            html = data.get("text/html", "")
            bare = [kind for kind in data if kind.startswith("image/")]
            assert not bare or html, (
                f"cell [{number}] shows {bare[0]} without alt text: use pmf_minimal.teaching.plots.show"
            )
            for tag in BeautifulSoup(html, "html.parser").select("img, svg"):
                alt = tag.get("alt") if tag.name == "img" else tag.get("aria-label") or tag.find("title")
                hidden = tag.get("aria-hidden") == "true"
                assert alt or hidden, f"cell [{number}] has a picture that says nothing to those who cannot see it"


@each_notebook
def test_headings_do_not_jump(path):
    text = "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    check_headings(text)


@each_notebook
def test_the_first_cells(path):
    """Set-up first, the same everywhere; then what papermill may replace, committed at the quick scale."""
    setup, parameters, *_ = code_cells(path)
    assert setup.source == CELL, "run: python book/tools/setup_cell.py"
    assert f"git+{REPOSITORY}\n" in CELL, "on Colab it must install from the repository that _config.yml names"
    assert "parameters" in parameters.metadata.get("tags", []), "the second code cell is the one tagged parameters"
    assert re.search(r"""^scale\s*(:.*)?=\s*["']quick["']""", parameters.source, flags=re.MULTILINE)
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1, "papermill looks at one cell tagged parameters only"


@each_notebook
def test_the_opening_says_what_the_full_scale_takes(path):
    """A time with the device that it was measured on, that it is that of `quick`, or that nobody has measured it."""
    said = read(path).cells[0].source.partition('`scale="full"`')[2]
    known = r" (takes \d+ (seconds|minutes|hours) on an? \S+|is here the same as `quick`|takes on a GPU has not been measured)"
    assert re.match(known, said), 'end the opening with: `scale="full"` takes 3 minutes on an H100.'


def functions(source):
    """Name -> code of the functions at the top of a piece of Python, without docstrings and annotations."""
    found = {}
    # IPython's own commands are no Python.
    for node in ast.parse(re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.MULTILINE)).body:
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


PACKAGE = {}
for module in sorted((ROOT / "pmf_minimal").glob("*.py")):
    for function, code in functions(module.read_text(encoding="utf-8")).items():
        if not function.startswith("_"):
            PACKAGE.setdefault(function, []).append(code)


@each_notebook
def test_what_bears_the_name_of_a_package_function_is_that_function(path):
    """A chapter may show the package's code, or develop its own version under a name of its own."""
    for number, cell in enumerate(code_cells(path), 1):
        for function, code in functions(cell.source).items():
            assert code in PACKAGE.get(function, [code]), f"cell [{number}]: {function} differs from the package's"


@each_notebook
def test_a_figure_is_the_last_thing_of_its_cell(path):
    """`plots.show` gives the figure back, and a cell shows only its last value."""
    for cell in read(path).cells:
        if cell.cell_type == "code":
            for number, line in enumerate(body := ast.parse(re.sub(r"(?m)^(\s*)%.*$", r"\1pass", cell.source)).body):
                if isinstance(line, ast.Expr) and ast.unparse(line).startswith("plots.show("):
                    assert number == len(body) - 1, f"cell {cell.id}: what follows hides the figure"
