"""The lint of pages and notebooks: each rule finds nothing but what is known, and does find what it is there to find."""

import lint
import lint_form
import lint_prose
import pandas as pd
import pytest

from pmf_minimal.teaching import plots

RULES = lint.RULES


@pytest.mark.parametrize("title", RULES)
def test_rule(title):
    found, idle = RULES[title].findings(lint.book())
    faults = lint.compare(found, lint.remaining().get(title, {}))
    assert not faults, "\n".join([title, *faults])
    assert not idle, f"exceptions that excuse nothing: {idle}"


@pytest.mark.parametrize("title", RULES)
def test_a_rule_finds_a_mistake(title):
    assert list(RULES[title].check(RULES[title].sample))


def test_the_book_is_looked_at():
    book = lint.book()
    assert len(book.notebooks) >= 20 and len(book.pages) >= 15
    assert sum("cards.runs(" in cell.source for _, _, cell in book.code()) >= 7
    assert len(list(book.texts())) > 500 and len(list(book.code())) > 300


def test_the_table_names_rules_and_files_that_exist():
    for title, files in lint.remaining().items():
        assert title in RULES and all((lint.ROOT / file).exists() and count > 0 for file, count in files.items())


def test_counts_may_neither_grow_nor_shrink_unnoticed():
    found = [lint.Finding("a", "cell 1", "x"), lint.Finding("a", "cell 2", "y")]
    assert lint.compare(found, {"a": 2}) == []
    assert "a has 2, of which 1 are known" in lint.compare(found, {"a": 1})[0]
    assert "--shrink" in lint.compare(found, {"a": 3})[0] and "--shrink" in lint.compare([], {"b": 1})[0]


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
