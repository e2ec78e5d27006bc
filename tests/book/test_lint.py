"""The lint of pages and notebooks: each rule finds nothing, and does find what it is there to find."""

import lint
import lint_figures
import lint_form
import lint_prose
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell

from pmf_minimal.teaching import plots

RULES = lint.RULES


@pytest.mark.parametrize("title", RULES)
def test_rule(title):
    found, idle = RULES[title].findings(lint.book())
    assert not found, "\n".join([title, *map(str, found)])
    assert not idle, f"exceptions that excuse nothing: {idle}"


@pytest.mark.parametrize("title", RULES)
def test_a_rule_finds_a_mistake(title):
    assert list(RULES[title].check(RULES[title].sample))


def test_the_book_is_looked_at():
    book = lint.book()
    assert len(book.notebooks) >= 20 and len(book.pages) >= 15
    assert sum("cards.runs(" in cell.source for _, _, cell in book.code()) >= 7
    assert len(list(book.texts())) > 500 and len(list(book.code())) > 300


def test_an_exception_excuses_one_file_only():
    rule = lint.Rule(lambda book: found, None, [("a", "x", "reason"), ("b", "x", "idle")])
    found = [lint.Finding("a", "", "has x"), lint.Finding("c", "", "has x")]
    assert rule.findings(None) == ([found[1]], [("b", "x", "idle")])


def test_prose_is_what_is_left_of_a_page():
    text = lint_prose.prose(
        "---\nkey: a;\n---\n# Title `a; b` and $c; d$\n\n```{note}\nKept; here.\n```\n\n```python\nx = 1;\n```\n\n"
        "$$\na;\n$$\n\n<b style='x: y;'>bold</b> [link](a;b) {cite}`a;b` {term}`words <a;b>` &amp; https://a.b/;c\n"
    )
    assert text.count(";") == 1 and "Kept; here." in text
    assert "bold" in text and "link" in text and "words" in text and "x = 1" not in text


@pytest.mark.parametrize(
    "text",
    [
        "For each modality, for all entities, for the left graph and for the other.",
        "A training run over the seeds takes minutes. Random seeds differ.",
        "People who read this, a reader whose machine is slow.",
    ],
)
def test_good_english_passes(text):
    sample = lint_prose.page(text)
    assert [*lint_prose.words(sample), *lint_prose.persons(sample), *lint_prose.spelling(sample)] == []


def test_figures_of_a_text():
    """Shares, points, decimals and whole numbers from 13 on; no names, and nothing that is a word."""
    text = (
        "It gains twelve points, 7.3 %, on 1,652 pairs (.61) in three runs. See chapter 14, rows 20 and 21, Eq. (11)."
    )
    assert [f[1:] for f in lint_figures.figures_of(text)] == [
        (12, 0, True),
        (7.3, 1, True),
        (1652, 0, False),
        (0.61, 2, False),
    ]
    numbers = {0.6129, 0.0725, 1652.0, 0.124}
    assert all(lint_figures.is_shown(*figure[1:], numbers) for figure in lint_figures.figures_of(text))
    assert not lint_figures.is_shown(0.62, 2, False, numbers) and not lint_figures.is_shown(13, 0, True, numbers)


def test_bounds_of_a_check_show_nothing():
    cell = new_code_cell("assert gap > 0.2 and abs(x - 0.254) < 1e-6\nassert y.between(0.1, 0.3)\nz = [0.5]")
    assert sorted(lint_figures.literals(cell)) == [0.254, 0.5]


def test_what_is_given_is_there_and_only_what_is_given_is_excused():
    def found(text, *code):
        nb = lint_form.notebook([text], *code).notebooks["notebooks/00_sample.ipynb"]
        return [f.what for f in lint_figures.bare_figures(lint.Book(notebooks={"notebooks/10_a.ipynb": nb}))]

    mark = "\n\n<!-- given: .648 (the paper) -->"
    assert found("The paper has .648 and ours .52.", "x = 0.52") == [
        "no cell shows '.648' in: The paper has .648 and ours .52."
    ]
    assert found("The paper has .648 and ours .52." + mark, "x = 0.52") == []
    assert found("Ours is .52." + mark, "x = 0.52") == ["'.648' is marked as given and not there"]


def test_a_figure_without_intervals_is_found():
    """The same with figures as a wrong cell would draw them."""
    table = pd.DataFrame({"mean": [0.5], "low": [0.4], "high": [0.6]})

    def drawn(caption, data):
        fig, _ = plots.figure()
        cell = lint_form.displays(plots.show(fig, "", caption, data).data)
        return lint_form.bare(*next(lint_form.figures(cell)))

    assert drawn("Means with 95 % intervals.", table) is None
    assert drawn("One run.", None) is drawn("Each point is one run.", table[["mean"]]) is None
    assert "no intervals" in drawn("Means.", None)
    assert "no intervals" in drawn("Means with 95 % intervals.", table[["mean"]])
    assert "empty" in drawn("Means with 95 % intervals.", table.assign(low=None))
    assert "fewer" in drawn("Means with 95 % intervals.", table.assign(n=3))
    assert "95 %" in drawn("Means.", table)
