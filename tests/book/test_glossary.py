"""The glossary: every word once, in order, explained in a sentence or two."""

import re

from bookfiles import ROOT

PAGE = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
BODY = re.search(r"```\{glossary\}\n(.*?)```", PAGE, re.DOTALL)[1]
ENTRIES = [re.match(r"((?:\S.*\n)+)((?:  .*\n?)+)", entry + "\n") for entry in BODY.strip().split("\n\n")]
WORDS = [entry[1].splitlines()[0] for entry in ENTRIES]


def test_words_are_in_order_and_stand_once():
    assert len(WORDS) > 50 and len(WORDS) == len({word.lower() for word in WORDS})
    assert sorted(WORDS, key=str.lower) == WORDS


def test_every_word_is_explained_briefly():
    for word, entry in zip(WORDS, ENTRIES, strict=True):
        assert 10 < len(entry[2]) < 260 and entry[2].rstrip().endswith("."), word
