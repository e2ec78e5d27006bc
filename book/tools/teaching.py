"""Make what a teacher hands out or keeps from the chapters in notebooks/, and grade what comes back.

    python book/tools/teaching.py copies                   # student and instructor copies in _build/teaching
    python book/tools/teaching.py grade FOLDER             # submitted student copies: grades.csv in that folder

A cell tagged `stub` is what a student fills in, the cell tagged `check` after it says whether that is right, and one
tagged `solution` is the answer. Both copies are without outputs: whoever is to predict must not read the result.
"""

import argparse
import contextlib
import copy
import csv
import re
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from exercise_list import exercises_of
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell
from setup_cell import URL

ROOT = Path(__file__).resolve().parents[2]
POINTS = {"easy": 1, "medium": 2, "hard": 3}
FIELDS = ("file", "chapter", "exercise", "title", "verdict", "points", "of", "said")
# nbgrader takes a number that a graded cell ends with for its points; the check itself only prints.
POINTS_CELL = """# Points: run this right after the check.
from IPython.utils.capture import capture_output

with capture_output() as said:
    get_ipython().run_cell(In[-2])
{points} if said.stdout.startswith("Right") else 0"""
CELL_TIMEOUT = 120  # seconds; at the smallest scale a cell takes a few, on a busy machine more


def chapters():
    """Name -> notebook, for every chapter."""
    paths = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    return {path.stem: nbformat.read(path, as_version=4) for path in paths}


def tagged(nb, tag):
    return [cell for cell in nb.cells if tag in cell.metadata.get("tags", [])]


def _copy(chapter, nb):
    """The chapter without outputs, with links that lead somewhere outside the repository too, and as nbgrader wants it:
    the stub is an answer, the check is locked, and a cell after it gives the points.
    """
    nb = copy.deepcopy(nb)
    checked = [exercise for exercise in exercises_of(nb) if exercise.checked]
    for exercise, stub, check in zip(checked, tagged(nb, "stub"), tagged(nb, "check"), strict=True):
        points = new_code_cell(POINTS_CELL.format(points=POINTS[exercise.difficulty]))
        points.id = f"{check.id}-points"  # not drawn at random: the same source gives the same copies
        nb.cells.insert(nb.cells.index(check) + 1, points)
        for cell, role in ((stub, "answer"), (check, "check"), (points, "points")):
            cell.metadata.nbgrader = {
                "schema_version": 3, "grade_id": f"{chapter}-{exercise.number}-{role}", "task": False,
                "solution": role == "answer", "grade": role == "points", "locked": role != "answer",
            }  # fmt: skip
        points.metadata.nbgrader["points"] = POINTS[exercise.difficulty]
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = cell.source.replace("](../", f"]({URL}/blob/main/")
    return nb


def student_copy(chapter, nb):
    """The chapter without solutions, and without what to expect of the open exercises."""
    nb = _copy(chapter, nb)
    nb.cells = [cell for cell in nb.cells if "solution" not in cell.metadata.get("tags", [])]
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            expected = r"\n*<details><summary>What to expect</summary>.*?</details>"
            cell.source = re.sub(expected, "", cell.source, flags=re.DOTALL)
    return nb


def instructor_copy(chapter, nb):
    """The chapter with each solution in the place of its stub: it runs from top to bottom, and every check says Right."""
    nb = _copy(chapter, nb)
    for stub, solution in zip(tagged(nb, "stub"), tagged(nb, "solution"), strict=True):
        stub.source = solution.source
        nb.cells.remove(solution)
    return nb


def write_copies(folder):
    """Write all copies of all chapters into `folder`/student and `folder`/instructor."""
    for kind, make in (("student", student_copy), ("instructor", instructor_copy)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for chapter, nb in chapters().items():
            nbformat.write(make(chapter, nb), folder / kind / f"{chapter}.ipynb")


# --- Grading --------------------------------------------------------------------------------------------------------


def answers_of(nb):
    """Chapter and number of the exercise -> the submitted code: from the stub's cell down to its check."""
    found, name = {}, None
    for cell in nb.cells:
        mark = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if match := re.fullmatch(r"(.+)-(\d+)-(answer|check)", mark):
            name = (match[1], int(match[2])) if match[3] == "answer" else None
        if name and cell.cell_type == "code":
            found[name] = f"{found[name]}\n{cell.source}" if name in found else cell.source
    return found


def verdict_of(check):
    """What an executed check cell decided, and its words."""
    for output in check.outputs:
        if output.output_type == "error":
            return "error", f"{output.ename}: {output.evalue}"
    said = "".join(output.text for output in check.outputs if output.get("name") == "stdout").strip()
    known = {"Right": "right", "Not yet": "not yet", "": "error"}
    return next((verdict for words, verdict in known.items() if said.startswith(words)), "wrong"), said


def grade(path):
    """Rows of FIELDS (without the file), one for each checked exercise of the chapter that a submitted copy is of.

    What runs is the chapter of this repository, at the smallest scale, with the submitted answers in the place of the
    stubs: whatever else was changed in the copy, its checks above all, has no effect.
    """
    try:
        answers = answers_of(nbformat.read(path, as_version=4))
    except Exception as error:  # noqa: BLE001, a damaged file is one row of the table, not the end of it
        return [{"verdict": "error", "points": 0, "said": f"cannot be read: {error}"}]
    known = chapters()
    chapter = next((chapter for chapter, _ in answers if chapter in known), None)
    if chapter is None:
        return [{"verdict": "error", "points": 0, "said": "no copy of a chapter of this book"}]
    nb = known[chapter]
    checked = [exercise for exercise in exercises_of(nb) if exercise.checked]
    for exercise, stub in zip(checked, tagged(nb, "stub"), strict=True):
        stub.source = answers.get((chapter, exercise.number), stub.source)
    checks = tagged(nb, "check")
    nb.cells = [cell for cell in nb.cells if "solution" not in cell.metadata.get("tags", [])]
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    tagged(nb, "parameters")[0].source += '\nscale = "smoke"'
    client = NotebookClient(
        nb, kernel_name="python3", timeout=CELL_TIMEOUT, interrupt_on_timeout=True, allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        client.resources = {"metadata": {"path": folder}}
        # An answer may end the process: the checks from there on have then said nothing.
        with contextlib.suppress(DeadKernelError):
            client.execute()
    rows = []
    for exercise, check in zip(checked, checks, strict=True):
        verdict, said = verdict_of(check)
        of = POINTS[exercise.difficulty]
        rows.append({
            "chapter": chapter, "exercise": exercise.number, "title": exercise.title, "verdict": verdict,
            "points": of if verdict == "right" else 0, "of": of, "said": said.splitlines()[0] if said else "",
        })  # fmt: skip
    return rows


def write_grades(folder, target, jobs):
    """Grade every notebook below `folder`, `jobs` at a time, into the table `target`."""
    paths = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    with ProcessPoolExecutor(jobs) as pool, open(target, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        for path, rows in zip(paths, pool.map(grade, paths), strict=True):
            table.writerows({"file": path.relative_to(folder).as_posix()} | row for row in rows)
            points, of = (sum(row.get(key, 0) for row in rows) for key in ("points", "of"))
            print(f"{path.relative_to(folder)}: {points} of {of} points", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("copies", help="write student and instructor copies of all chapters")
    command.add_argument("--to", type=Path, default=ROOT / "_build" / "teaching", metavar="FOLDER")
    command = commands.add_parser(
        "grade",
        help="execute submitted student copies and write which exercises are right",
        description="Executes the answers in every notebook below FOLDER against the checks of this repository. "
        "CAUTION: that runs other people's code with your rights. Do it in a container or a virtual machine without "
        "network that holds nothing of value. An answer runs in the same process as its check, so one that is made to "
        "deceive can: look at the answers too.",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER")
    command.add_argument("--to", type=Path, metavar="FILE", help="default: grades.csv in FOLDER")
    command.add_argument("--jobs", type=int, default=1, help="notebooks at a time (default: 1; each takes two cores)")
    args = parser.parse_args()
    if args.command == "copies":
        write_copies(args.to)
        print(f"student and instructor copies are in {args.to}")
        return 0
    if not args.folder.is_dir():
        parser.error(f"there is no folder {args.folder}")
    write_grades(args.folder, args.to or args.folder / "grades.csv", args.jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
