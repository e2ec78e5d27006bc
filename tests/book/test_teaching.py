"""What teachers get: copies for students hold no solution, instructor copies are complete, grading asks the right checks.

That instructor copies run and every check says Right is tests/notebooks/test_colab.py's business.
"""

import ast
import csv
import json
import re
import subprocess
import sys

import nbformat
import pytest
import teaching
from bookfiles import NOTEBOOKS, ROOT, name, read
from exercise_list import exercises_of
from nbformat.v4 import new_code_cell

CHAPTERS = pytest.mark.parametrize("path", NOTEBOOKS, ids=name)


def student(path):
    return teaching.student_copy(path.stem, read(path))


def lines(cells):
    return {line.strip() for cell in cells for line in cell.source.splitlines()}


# --- Copies ---------------------------------------------------------------------------------------------------------


@CHAPTERS
def test_student_copies_contain_no_solution(path):
    nb = read(path)
    solutions = teaching.tagged(nb, "solution")
    others = lines(cell for cell in nb.cells if cell not in solutions)
    telling = {line for line in lines(solutions) - others if line}
    assert telling  # a solution that the chapter shows elsewhere would be none
    made = student(path)
    assert lines(made.cells) & telling == set()
    assert len(made.cells) == len(nb.cells)  # for each solution that is gone a cell of points has come
    assert not any(cell.get("outputs") for cell in made.cells)
    text = json.dumps(made, ensure_ascii=False)
    printed = [o.get("text", "") for cell in solutions for o in cell.outputs]
    assert not any(said.strip() in text for said in printed if said.strip())
    assert "What to expect" not in text
    for tag in ("stub", "hint"):
        assert [c.source for c in teaching.tagged(made, tag)] == [c.source for c in teaching.tagged(nb, tag)]
    assert len(teaching.tagged(made, "check")) == len(solutions)


@CHAPTERS
def test_nothing_needs_a_solution_that_is_left_out(path):
    """Names that only a solution binds are used by no later cell, so that a student copy can run to its end."""

    def names(cell, context):
        source = re.sub(r"^(\s*)%.*$", r"\1pass", cell.source, flags=re.MULTILINE)
        tree = list(ast.walk(ast.parse(source)))
        found = {node.id for node in tree if isinstance(node, ast.Name) and isinstance(node.ctx, context)}
        if context is ast.Store:
            found |= {n.name for n in tree if isinstance(n, ast.FunctionDef | ast.ClassDef)}
            found |= {a.asname or a.name for n in tree if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
            found |= {n.arg for n in tree if isinstance(n, ast.arg)}
        return found

    bound, owed = set(), set()
    for cell in read(path).cells:
        if cell.cell_type == "code":
            if "solution" in cell.metadata.get("tags", []):
                owed |= names(cell, ast.Store) - bound
            else:
                bound |= names(cell, ast.Store)
                owed -= bound
                assert owed & names(cell, ast.Load) == set()


@CHAPTERS
def test_instructor_copies_have_solutions_for_stubs(path):
    nb = read(path)
    made = teaching.instructor_copy(path.stem, nb)
    answers, checks = (teaching.tagged(made, tag) for tag in ("stub", "check"))
    assert [c.source for c in answers] == [c.source for c in teaching.tagged(nb, "solution")]
    assert [c.source for c in checks] == [c.source for c in teaching.tagged(nb, "check")]
    places = [made.cells.index(c) for c in answers]
    assert [made.cells[i + 1] for i in places] == checks
    nbformat.validate(made)


@CHAPTERS
def test_marks_for_nbgrader(path):
    """Its schema 3: unique names of the allowed letters, points where a grade is given, all but answers locked."""
    made = student(path)
    marks = [c.metadata.nbgrader for c in made.cells if "nbgrader" in c.metadata]
    names = [mark.grade_id for mark in marks]
    assert len(set(names)) == len(names) == 3 * len(teaching.tagged(made, "stub"))
    for mark, role in zip(marks, ("answer", "check", "points") * len(marks), strict=False):
        assert re.fullmatch(rf"[a-zA-Z0-9_\-]+-{role}", mark.grade_id)
        assert mark.schema_version == 3 and mark.task is False
        assert mark.solution == (not mark.locked) == (role == "answer")
        assert mark.grade == ("points" in mark) == (role == "points")


def test_links_of_copies_lead_out_of_the_folder():
    texts = [cell.source for path in NOTEBOOKS for cell in student(path).cells if cell.cell_type == "markdown"]
    links = [link for text in texts for link in re.findall(r"\]\(([^)#\s]+)", text)]
    assert [link for link in links if not link.startswith("https://") and link not in {p.name for p in NOTEBOOKS}] == []
    found = [link.removeprefix(f"{teaching.URL}/blob/main/") for link in links if link.startswith(teaching.URL)]
    assert found and all((ROOT / file).is_file() for file in found)


# --- Lesson plans ---------------------------------------------------------------------------------------------------

GUIDE = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
PLANS = re.findall(r"^## Lesson plan: (.*?)\n(.*?)(?=^## )", GUIDE, flags=re.DOTALL | re.MULTILINE)


def test_there_are_two_lesson_plans():
    assert [title for title, _ in PLANS] == ["relevance and freezing", "judging a claim"]
    for _, text in PLANS:
        for part in ("Goals", "Prepare", "Opening question", "Wrong answers to expect", "Hand in", "Exit ticket"):
            assert part in text


@pytest.mark.parametrize("text", [text for _, text in PLANS], ids=[title for title, _ in PLANS])
def test_lesson_plans_last_ninety_minutes_without_a_gap(text):
    spans = [tuple(map(int, span)) for span in re.findall(r"^\| (\d+)–(\d+) \|", text, flags=re.MULTILINE)]
    assert len(spans) > 6 and spans[0][0] == 0 and spans[-1][1] == 90
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert all(start < end for start, end in spans)


@pytest.mark.parametrize("text", [text for _, text in PLANS], ids=[title for title, _ in PLANS])
def test_points_of_lesson_plans_are_those_of_the_grading(text):
    rows = re.findall(r"^\| (\d+) \| ([\d, ]+) \| (\d+) \|$", text, flags=re.MULTILINE)
    assert len(rows) == 2
    for chapter, numbers, points in rows:
        path, *_ = (ROOT / "notebooks").glob(f"{int(chapter):02}_*.ipynb")
        found = {exercise.number: exercise for exercise in exercises_of(read(path)) if exercise.checked}
        chosen = [found[int(number)] for number in numbers.split(", ")]
        assert sum(teaching.POINTS[exercise.difficulty] for exercise in chosen) == int(points)


# --- Grading --------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(600)  # seconds on a machine that is busy with other things too
def test_grading(tmp_path):
    """Solutions are right, untouched stubs are not, and neither is who mends the check instead of the answer."""
    path = ROOT / "notebooks" / "01_task_and_data.ipynb"  # it trains nothing
    copies = {"anna/done": teaching.instructor_copy(path.stem, read(path)), "cheat": student(path)}
    check, *_ = teaching.tagged(copies["cheat"], "check")  # the other exercises are untouched
    check.source = "print('Right: believe me')"
    copies["half"] = student(path)
    stub, other, _ = teaching.tagged(copies["half"], "stub")
    # an answer in two cells, and one that ends the process
    stub.source = "def at(row):\n    return edge_type.repeat(2)[edge_index.ravel() == row]"
    extra = new_code_cell("def bag_of(row):\n    return torch.bincount(at(row), minlength=3).tolist()")
    copies["half"].cells.insert(copies["half"].cells.index(stub) + 1, extra)
    other.source = "import os; os._exit(1)"
    for file, nb in copies.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        nbformat.write(nb, tmp_path / f"{file}.ipynb")
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "strange.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook()))
    command = [sys.executable, str(ROOT / "book/tools/teaching.py"), "grade", str(tmp_path), "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "grades.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    verdicts = {}
    for row in rows:
        verdicts.setdefault(row["file"].removesuffix(".ipynb"), []).append((row["verdict"], row["points"], row["of"]))
    assert verdicts == {
        "anna/done": [("right", "1", "1"), ("right", "2", "2"), ("right", "2", "2")],
        "cheat": [("not yet", "0", "1"), ("not yet", "0", "2"), ("not yet", "0", "2")],
        "half": [("right", "1", "1"), ("error", "0", "2"), ("error", "0", "2")],
        "broken": [("error", "0", "")],
        "strange": [("error", "0", "")],
    }
    assert "half.ipynb: 1 of 5 points" in done.stdout


def test_help_warns_of_foreign_code():
    command = [sys.executable, str(ROOT / "book/tools/teaching.py"), "grade", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    assert "CAUTION" in said and "container" in said
