"""The question bank: complete, its numbers computed, its references there, its page and its export up to date."""

import math
import re

import numpy as np
import pytest
import questions
import torch
from bookfiles import NOTEBOOKS, ROOT, read
from questions import KINDS, PAGE, error_of, gift, options_of, page

QUESTIONS = questions.read()
CHAPTERS = ["primer", *(path.stem for path in NOTEBOOKS)]
each = pytest.mark.parametrize("q", QUESTIONS, ids=lambda q: f"{q['chapter']}: {q['question'][:30]}")


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python book/tools/questions.py"


def test_at_least_120():
    """And a good part of them answered by a machine."""
    kinds = [q["kind"] for q in QUESTIONS]
    assert len(kinds) >= 120 and kinds.count("calculation") >= 40


def test_three_to_ten_for_every_chapter_in_order():
    order = [q["chapter"] for q in QUESTIONS]
    assert order == sorted(order, key=CHAPTERS.index) and set(order) == set(CHAPTERS)
    for chapter in CHAPTERS:
        mine = [q for q in QUESTIONS if q["chapter"] == chapter]
        assert 3 <= len(mine) <= 10 and {q["kind"] for q in mine} == set(KINDS)
    assert len({q["question"] for q in QUESTIONS}) == len(QUESTIONS)


@pytest.fixture(scope="module")
def headings():
    """Chapter -> its headings that have an anchor."""
    found = {}
    texts = {"primer": (ROOT / "book" / "primer.md").read_text(encoding="utf-8")}
    for path in NOTEBOOKS:
        texts[path.stem] = "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for chapter, text in texts.items():
        text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        found[chapter] = re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)
    return found


@each
def test_the_heading_that_answers_it_is_there(q, headings):
    assert headings[q["chapter"]].count(q["see"]) == 1


@pytest.mark.parametrize("q", [q for q in QUESTIONS if q["kind"] == "calculation"], ids=lambda q: q["question"][:40])
def test_calculated_numbers(q):
    value = eval(q["compute"], {"np": np, "torch": torch, "math": math})  # noqa: S307, the book's own expressions
    assert abs(value - q["number"]) <= error_of(q["number"])
    assert str(q["number"]) in q["answer"]


def test_a_wrong_number_would_be_noticed():
    assert abs(np.mean([1, 1 / 4, 1 / 2]) - 0.584) > error_of(0.584) and error_of(240) == 0.5


@pytest.mark.parametrize("q", [q for q in QUESTIONS if q["kind"] == "choice"], ids=lambda q: q["question"][:40])
def test_choices(q):
    options, letter = options_of(q)
    assert 3 <= len(options) <= 4 and len(set(options)) == len(options)
    assert options["abcdef".index(letter)] == q["answer"] and all(set(w) == {"option", "why"} for w in q["wrong"])


def test_the_right_one_stands_anywhere():
    letters = [options_of(q)[1] for q in QUESTIONS if q["kind"] == "choice"]
    assert max(letters.count(letter) for letter in "abcd") < 0.6 * len(letters)


def test_fields_are_checked(tmp_path, monkeypatch):
    (tmp_path / "q.yaml").write_text("- {chapter: a, kind: short, difficulty: easy, question: b, answer: c}")
    monkeypatch.setattr(questions, "DATA", tmp_path / "q.yaml")
    with pytest.raises(ValueError, match="other fields"):
        questions.read()


def test_export_for_learning_platforms():
    """GIFT's grammar, as far as it is used: what is special stands alone or behind a backslash."""
    bare = re.sub(r"\\[\\~=#{}:]", "", gift())
    entries = [entry for entry in bare.split("\n\n") if entry.startswith("::")]
    assert len(entries) == len(QUESTIONS) and bare.count("$CATEGORY: ") == len(CHAPTERS)
    for q, entry in zip(QUESTIONS, entries, strict=True):
        match = re.fullmatch(r"::\S+ \d+::\[html\]([^{}~=#]+) \{([^{}]*)\}", entry)
        assert match, entry
        body = match[2]
        if q["kind"] == "choice":
            assert body.count("=") == 1 and body.count("~") == body.count("#") == len(q["wrong"])
        elif q["kind"] == "calculation":
            assert re.fullmatch(r"#[\d.]+:[\d.]+####[^~=#]+", body)
        else:
            assert re.fullmatch(r"####[^~=#]+", body)
    assert r"\\frac12\\log(l_\{ij\} + l_\{ji\})" in gift()  # a backslash of a formula is doubled
