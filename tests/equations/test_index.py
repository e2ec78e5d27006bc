"""Every equation has code and tests, and the page of the book that lists them is up to date."""

import pytest
from equation_index import EQUATIONS, PAGE, begins_with, checks_of, code_of, named_in, page


def test_seventeen():
    assert list(EQUATIONS) == list(range(1, 18))


@pytest.mark.parametrize("equation", EQUATIONS)
def test_no_orphan(equation):
    assert code_of()[equation], f"no function's docstring has a line that begins with Eq. ({equation})"
    assert len(checks_of()[equation]) >= 2, f"Eq. ({equation}) needs an example worked out by hand and a property"


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python book/tools/equation_index.py"


def test_names_are_found():
    text = "As in Eq. (2) to (4), Eq. (16) and (17), not equation 5 or Eq. 6."
    assert named_in(text) == {2, 3, 4, 16, 17}
    assert begins_with("Best match.\n\n    Eq. (4)  alpha = max cos, for Eq. (3)\n") == {4}
    assert begins_with("As Eq. (4)") == set()
