"""The page that lists the exercises is up to date, and every exercise's heading says what the list needs."""

import nbformat
import pytest
from exercise_list import PAGE, Exercise, exercises_of, page


def notebook(*cells):
    new = {"md": nbformat.v4.new_markdown_cell, "stub": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[new[kind](source, metadata={"tags": [kind]}) for kind, source in cells])


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python book/tools/exercise_list.py"


def test_what_is_found():
    nb = notebook(
        ("md", "## Exercises\n\n### Exercise 1 (easy, 5 minutes): a *title*: with more\n\nText"),
        ("stub", "def f(): ..."),
        ("md", "### Exercise 2 (open, 20 minutes): think"),
    )
    assert exercises_of(nb) == [
        Exercise(1, "easy", 5, "a *title*: with more", True),
        Exercise(2, "open", 20, "think", False),
    ]


@pytest.mark.parametrize(
    "heading", ["### Exercise 1: no time", "### Exercise 1 (easy): no time", "#### Exercise 1 (easy, 5 minutes): level",
                "### Exercise 2 (easy, 5 minutes): the first is missing"],
)  # fmt: skip
def test_wrong_headings_are_refused(heading):
    with pytest.raises(ValueError, match=r"Exercise|numbered"):
        exercises_of(notebook(("md", heading)))
