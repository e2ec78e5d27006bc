"""Every exercise: its check accepts the solution, says "not yet" to the stub, and tells plausible wrong answers what is wrong."""

import contextlib
import io
import re
from itertools import pairwise

import pytest
from bookfiles import NOTEBOOKS, name, read

# Per notebook and exercise: two or more wrong answers, each with words that its check must say.
WRONG = {
    "00_quickstart": [
        [
            ("hits_right_to_left = lambda c: metrics.evaluate(c, torch.arange(3))['Hits@1']", "left to right"),
            ("hits_right_to_left = lambda c: metrics.evaluate(c.T, torch.arange(3))['MRR']", "is wanted"),
            ("hits_right_to_left = lambda c: metrics.evaluate(c.T, torch.arange(3))", "one number"),
        ],
        [
            ("def spoil(c):\n    c[0, 1] = 0.95\n    c[2, 0] = 1.0\n    return c", "2 numbers differ"),
            ("def spoil(c):\n    c[0, 0] = 0.95\n    return c", "still gets all three right"),
            ("def spoil(c):\n    c[0, 1] = 0.95\n    return c", "Two are wrong"),
            ("spoil = lambda c: [[1, 2], [3, 4]]", "three rows"),
        ],
    ],
    "01_task_and_data": [
        [
            (
                "bag_of = lambda row: torch.bincount(edge_type[edge_index[0] == row], minlength=3).tolist()",
                "count tails as well",
            ),
            ("bag_of = lambda row: torch.bincount(edge_type[(edge_index == row).any(0)]).tolist()", "minlength"),
            ("bag_of = lambda row: [1, 1, 1]", "is right"),
        ],
        [
            ("expected_reciprocal_rank = lambda b, e: 1 / (b + (e + 1) / 2)", "over the expected rank"),
            ("expected_reciprocal_rank = lambda b, e: 1 / (b + 1)", "optimistic"),
            ("expected_reciprocal_rank = lambda b, e: 1 / (b + e)", "pessimistic"),
            ("expected_reciprocal_rank = lambda b, e: (1 / 5 + 1 / 6 + 1 / 7) / 3", "better + equal"),
        ],
    ],
}


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
    namespace, exercises = {}, iter(WRONG[path.stem])
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
