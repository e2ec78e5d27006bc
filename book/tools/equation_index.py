"""Write book/equations.md: for each equation of the paper its meaning, code, tests and chapters.

    python book/tools/equation_index.py            # after changes in pmf_minimal/, tests/equations/ or notebooks/

Code and tests are found by their docstrings, chapters by their cells: all name an equation as `Eq. (4)`, or several as
`Eq. (2) to (4)`. A function belongs to an equation if a line of its docstring begins with that.
"""

import ast
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "equations.md"
#: Lines of code that are shown on the page; what is longer is linked only.
LONGEST = 30

# number: formula, meaning
EQUATIONS = {
    1: (r"h_i^m = \mathrm{ENC}_m(\Theta_m, e_i^m)", "an encoder per modality"),
    2: (r"W_m = \mathrm{SCORE}(G_m, G'_m)", "a score for every feature of both graphs"),
    3: (
        r"w_i^m = \mathrm{ReLU}\left(\frac{\alpha_i^m - \delta}{\max_j \alpha_j^m - \delta}\right)",
        "relevance: the best match, measured from the threshold",
    ),
    4: (r"\alpha_i^m = \max_{e_k \in E'} \cos(h_i^m, h_k^m)", "best match in the other graph"),
    5: (r"F_m^t = \mathrm{FREEZE}(W_m^t, G_m^t), \quad F_m^0 = 1", "who trains at step $t$"),
    6: (r"\mathrm{FREEZE}(e_i^m) = 0 \text{ if } w_i^m = 0, \text{ else } 1", "an irrelevant feature stops learning"),
    7: (r"H_{\mathrm{joint}}^t = \mathrm{CONCAT}(W_m^t, G_m^t)", "one vector out of all modalities"),
    8: (r"h_i^{\mathrm{joint}} = \bigoplus_m w_i^m h_i^m", "each part counts as much as it is relevant"),
    9: (r"L^t = L_{\mathrm{CM}}^t + L_{\mathrm{CKG}}^t", "both losses in every step"),
    10: (
        r"l_{\mathrm{CM}}(e_i^p, e_i^q) = \frac{s(e_i^p, e_i^q)}{s(e_i^p, e_i^q) + \sum_{N^-} s}",
        r"how well two modalities of an entity find each other; $s(a, b) = \exp(h_a \cdot h_b / \tau)$",
    ),
    11: (
        r"L_{\mathrm{CM}} = \sum_{p \ne q} \sum_i -\beta_p \beta_q \log l_{\mathrm{CM}}(e_i^p, e_i^q)",
        "cross-modality loss",
    ),
    12: (
        r"l_{\mathrm{CKG}}(e_i^m, e_j^m) = \frac{s(e_i^m, e_j^m)}{s(e_i^m, e_j^m) + \sum_k s(e_i^m, e_k^m)}",
        "how well the two sides of a pair find each other",
    ),
    13: (
        r"L_{\mathrm{CKG}} = \sum_{m \in M^+} \sum_{(i, j) \in S} -\tfrac12 \log\left(l_{ij}^m + l_{ji}^m\right)",
        "cross-graph loss; $l_{ij}^m$ is short for $l_{\\mathrm{CKG}}(e_i^m, e_j^m)$",
    ),
    14: (r"h_i^{\mathrm{str}} = \mathrm{GAT}(A, x_i)", "structure: graph attention over trainable vectors"),
    15: (r"h_i^m = W_m e_i^m + b_m", "the other modalities: one linear layer each"),
    16: (
        r"\mathrm{Hits@}n = \frac{1}{\lvert S \rvert} \sum_i [\mathrm{rank}_i \le n]",
        "share of pairs found in the first $n$",
    ),
    17: (r"\mathrm{MRR} = \frac{1}{\lvert S \rvert} \sum_i \frac{1}{\mathrm{rank}_i}", "mean reciprocal rank"),
}

HEAD = """# Equation index

The seventeen equations of the paper {cite}`huang2024pmf`: the lines of the package that compute each, which tests check
it, and which chapters are about it. This page is made from the docstrings, the tests and the chapters by
`book/tools/equation_index.py`; a test fails if an equation has no code or no test, or if this page is out of date.

The tests check every equation on an example worked out by hand and as a property of random inputs, and
[`test_mutations.py`]({mutations}) checks the tests: it damages each function in several ways, and they have to notice.

"""


@dataclass(frozen=True)
class Place:
    """A function, class or test: file relative to the repository, line, name."""

    path: str
    line: int
    name: str


def named_in(text):
    """Numbers of the equations that a text names: `Eq. (4)`, `Eq. (2) to (4)`, `Eq. (16) and (17)`."""
    numbers = set()
    for first, link, last in re.findall(r"Eq\. \((\d+)\)(?:( to |–| and |, )\((\d+)\))?", text):
        numbers |= {int(first)}
        if last:
            numbers |= {int(last)} if link in (" and ", ", ") else set(range(int(first), int(last) + 1))
    return numbers


def begins_with(docstring):
    """Numbers of the equations that a line of a docstring begins with."""
    lines = (line.strip() for line in docstring.splitlines())
    return set().union(*(named_in(re.match(r"Eq\. [^.:]*\)|", line)[0]) for line in lines))


def definitions(path):
    """(place, docstring) of every function, class and method in a Python file."""

    def walk(node, owner):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{owner}{child.name}"
                yield Place(str(path.relative_to(ROOT)), child.lineno, name), ast.get_docstring(child) or ""
                yield from walk(child, f"{name}.")

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), "")


def code_of():
    """Equation -> places in the package that compute it."""
    found = {n: [] for n in EQUATIONS}
    # The model, which only puts the others together, comes last.
    for path in sorted((ROOT / "pmf_minimal").rglob("*.py"), key=lambda path: (path.name == "model.py", path)):
        for place, docstring in definitions(path):
            for n in begins_with(docstring):
                found[n].append(place)
    return found


def checks_of():
    """Equation -> its tests."""
    found = {n: [] for n in EQUATIONS}
    for path in sorted((ROOT / "tests" / "equations").glob("test_*.py")):
        for place, docstring in definitions(path):
            if place.name.startswith("test_"):
                for n in begins_with(docstring):
                    found[n].append(place)
    return found


def chapters_of():
    """Equation -> (path relative to the repository, title) of the chapters that name it in a cell."""
    found = {n: [] for n in EQUATIONS}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        title = next((m[1] for c in cells if (m := re.match(r"# (.+)", c.source))), path.stem)
        for n in set().union(*(named_in(cell.source) for cell in cells)) & EQUATIONS.keys():
            found[n].append((str(path.relative_to(ROOT)), title))
    return found


def shown(places):
    """The code of an equation: its functions, else its classes, else what the model does with others."""
    found = [(place, node_of(place)) for place in places]
    alone = [(place, node) for place, node in found if Path(place.path).name != "model.py"]
    functions = [(place, node) for place, node in alone if isinstance(node, ast.FunctionDef)]
    return "\n".join(block(place, node) for place, node in functions or alone or found)


def node_of(place):
    """The syntax tree of a function or class."""
    tree = ast.parse((ROOT / place.path).read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if getattr(node, "lineno", 0) == place.line]
    return next(node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef))


def block(place, node):
    """The lines of a function without its docstring; nothing if they are many."""
    lines, docstring = (ROOT / place.path).read_text(encoding="utf-8").splitlines(), node.body[0]
    kept = [k for k in range(node.lineno, node.end_lineno + 1) if not docstring.lineno <= k <= docstring.end_lineno]
    if len(kept) > LONGEST:
        return ""
    code = textwrap.dedent("\n".join(lines[k - 1] for k in kept))
    name = f"{Path(place.path).stem}.{place.name}"
    return f"`{name}`:\n\n```python\n{code}\n```\n"


def page():
    """The text of book/equations.md."""
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    base = f"{repository['url']}/blob/{repository['branch']}"
    in_code, in_tests, in_chapters = code_of(), checks_of(), chapters_of()

    def link(place, text):
        return f"[{text}]({base}/{place.path}#L{place.line})"

    def listed(word, links):
        return f"* {word}: {', '.join(links) or '—'}\n"

    sections = []
    for n, (formula, meaning) in EQUATIONS.items():
        section = f"## Eq. ({n})\n\n{meaning[0].upper()}{meaning[1:]}:\n\n$$\n{formula}\n$$\n\n{shown(in_code[n])}\n"
        section += listed("In the repository", [link(p, f"`{Path(p.path).stem}.{p.name}`") for p in in_code[n]])
        section += listed("Tests", [link(p, p.name.removeprefix("test_").replace("_", " ")) for p in in_tests[n]])
        section += listed("Chapters", [f"[{title}](../{path})" for path, title in in_chapters[n]])
        sections.append(section)
    return HEAD.replace("{mutations}", f"{base}/tests/equations/test_mutations.py") + "\n".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    orphans = [n for n in EQUATIONS if not (code_of()[n] and checks_of()[n])]
    sys.exit(f"without code or without test: {orphans}" if orphans else None)
