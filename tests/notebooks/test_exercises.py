"""Every exercise: its check accepts the solution, says "not yet" to the stub, and tells plausible wrong answers what is wrong."""

import contextlib
import io
import re
import runpy
from itertools import pairwise
from pathlib import Path

import pytest
from bookfiles import NOTEBOOKS, name, read

# Per notebook a file with a list per exercise: two or more wrong answers, each with words that its check must say.
FOLDER = Path(__file__).parent / "wrong_answers"


def run(source, namespace):
    """What a cell prints."""
    source = re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.MULTILINE)  # IPython's own commands
    source = source.replace('scale = "quick"', 'scale = "smoke"')
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, namespace)  # noqa: S102, the book's own cells
    return printed.getvalue()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_exercises(path):
    cells = [c for c in read(path).cells if c.cell_type == "code"]
    tagged = [
        (next((t for t in c.metadata.get("tags", []) if t in ("stub", "check", "solution")), ""), c.source)
        for c in cells
    ]
    namespace, exercises = {}, iter(runpy.run_path(str(FOLDER / f"{path.stem}.py"))["WRONG"])
    for (tag, source), (following, check) in pairwise([*tagged, ("", "")]):
        if tag == "stub":
            assert following == "check", "a check follows right after each stub"
            solution = next(text for kind, text in tagged[tagged.index((tag, source)) :] if kind == "solution")
            answers = next(exercises)
            assert len(answers) >= 2
            for answer, words in [(source, "Not yet"), (solution, "Right"), *answers]:
                trial = dict(namespace)
                run(answer, trial)
                said = run(check, trial)
                assert words in said, f"to {answer!r} the check says {said!r}"
                assert ("Right" in said) == (words == "Right")
        run(source, namespace)
    assert next(exercises, None) is None, "wrong answers for an exercise that is not there"
