"""The page of claims says what the cards say."""

import pandas as pd
from claims import CLAIMS, PAGE, first_round, page, together, verdicts

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


def test_every_card_counts():
    assert {name for entries in verdicts().values() for name, _, _ in entries} == {
        name for name in cards.names() if cards.read(name)["claims"] and "results" in cards.read(name)
    }


def test_several_verdicts_become_one():
    assert together([]) == together(["not testable here"]) == "not testable here"
    assert together(["supported", "not testable here", "supported"]) == "supported"
    assert together(["supported", "contradicted"]) == together(["mixed", "mixed"]) == "mixed"
    assert together(["contradicted"]) == "contradicted"
