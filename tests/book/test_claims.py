"""The page of claims says what the cards say."""

import pandas as pd
from bookfiles import ROOT
from claims import CLAIMS, PAGE, first_round, page, together, verdicts
from nbformat import read

from pmf_minimal.experiments import cards


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python book/tools/claims.py"


def test_all_claims_are_there_and_link_to_their_chapter():
    text = page()
    for number, entries in verdicts().items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {number} |")]
        assert CLAIMS[number] in row
        for _, card, verdict in entries:
            assert f"../{card['chapter']}.ipynb" in row
            if "reading" in card:
                assert f"**{verdict['verdict']}**" in row or "**mixed**" in row
    assert sorted(CLAIMS) == list(range(12))


def test_the_first_round_stands_beside_the_second():
    old = pd.read_csv(cards.CARDS / "first_round.csv")
    assert sorted(set(old["claim"])) == list(range(1, 12)) == sorted(first_round())
    assert first_round()[3] == "not supported" and first_round()[1] == "partly"


def test_the_authors_own_code_is_on_the_page_as_it_is_stored():
    text = page()
    for row in pd.read_csv(cards.CARDS.parent / "stored" / "authors_code.csv").itertuples():
        assert f"| {row.freezing} | {row.direction} | {row[4]:.4f} |" in text
    gaps = pd.read_csv(cards.CARDS.parent / "stored" / "authors_code.csv").groupby("freezing")["Hits@1"].mean()
    assert 0.065 < gaps["off"] - gaps["on"] < 0.075 and "costs it seven points" in text


def test_what_the_chapters_say_was_unfair_follows_from_the_stored_runs():
    """The figures in the boxes *From the first round* of chapters 15 and 16."""
    boxes = {n: read(path, 4).cells[0].source for n in (15, 16) for path in (ROOT / "notebooks").glob(f"{n}_*.ipynb")}
    own, same = (
        cards.runs("protocols").groupby("variant"),
        cards.runs("systems").groupby(["dataset", "variant"])["Hits@1"].mean(),
    )
    hits, seconds = own["Hits@1"].mean(), own["seconds"].mean().round()
    released = same["emoji/fr_en+missing", "PMF as released"]
    gains = [
        hits["PMF, its own protocol"] - hits["PMF"],
        hits["PMF, its own protocol"] - released,
        released - hits["PMF"],
    ]
    assert [round(100 * gain) for gain in gains] == [14, 5, 9]
    assert "of its fourteen points, five are the protocol's, and nine come from" in boxes[15]
    names = [f"{system}, its own protocol" for system in ("PMF", "MEAformer", "UMAEA")]
    assert seconds[names].tolist() == [23, 60, 60] and "(23 s here, MEAformer and UMAEA 60 s)" in boxes[15]
    gaps = [same[d, "PMF as released"] - same[d, "PMF"] for d in ("emoji/fr_en+missing", "synthetic/foreign")]
    assert [round(100 * gap) for gap in gaps] == [9, 17] and "nine and seventeen points" in boxes[16]


def test_every_card_counts():
    assert {name for entries in verdicts().values() for name, _, _ in entries} == {
        name for name in cards.names() if cards.read(name)["claims"] and "results" in cards.read(name)
    }


def test_several_verdicts_become_one():
    assert together([]) == together(["not testable here"]) == "not testable here"
    assert together(["supported", "not testable here", "supported"]) == "supported"
    assert together(["supported", "contradicted"]) == together(["mixed", "mixed"]) == "mixed"
    assert together(["contradicted"]) == "contradicted"
