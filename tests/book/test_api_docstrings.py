"""Docstrings on their way to the page of the API."""

from api_docstrings import process, rewritten


def test_an_equation_becomes_a_link_and_a_formula():
    out = rewritten(["What it is.", "", "Eq. (6)  FREEZE(e) = 0", "", "As Eq. (6) says."])
    assert "`Eq. (6) <equations.html#eq-6>`__" in out and ".. math::" in out
    assert "FREEZE(e) = 0" not in " ".join(out) and out[-1] == "As Eq. (6) says."


def test_an_indented_formula_is_kept_to_the_letter():
    out = rewritten(["With weights w,", "", "    a = w * x_i", "    b = a_", "", "more.", "", "Args:", "    x: float."])
    start = out.index(".. code-block:: text")
    assert out[start + 1 : start + 4] == ["", "    a = w * x_i", "    b = a_"] and out[-1] == "    x: float."
    assert out.count(".. code-block:: text") == 1


def test_a_colon_is_no_type():
    assert rewritten(["Returns:", "    name -> scalar: a modality.", "    More: of it."])[1:] == [
        "    : name -> scalar: a modality.",
        "    More: of it.",
    ]
    lines = ["Rows at a time: memory."]
    process(None, "data", "BLOCK", 1, None, lines)
    assert lines == [": Rows at a time: memory."]
