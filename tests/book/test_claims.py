"""The page of claims says what the cards say."""

from claims import CLAIMS, PAGE, page, together, verdicts

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
            assert verdict["verdict"] in row or "**partly**" in row
    assert len(CLAIMS) == 11


def test_every_card_counts():
    assert {name for entries in verdicts().values() for name, _, _ in entries} == {
        name for name in cards.names() if cards.read(name)["claims"]
    }


def test_several_verdicts_become_one():
    assert together([]) == together(["not testable here"]) == "not testable here"
    assert together(["supported", "not testable here", "supported"]) == "supported"
    assert together(["supported", "not supported"]) == together(["partly", "partly"]) == "partly"
    assert together(["not supported"]) == "not supported"
