"""The page of claims says what the cards say."""

import re

import pandas as pd
from bookfiles import ROOT
from claims import PAGE, page
from nbformat import read

from pmf_minimal.experiments import cards
from pmf_minimal.teaching import verdicts
from pmf_minimal.teaching.verdicts import CLAIMS, entries, first_round, sentence, together


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python book/tools/claims.py"


def test_all_claims_are_there_and_link_to_their_chapter():
    text = page()
    for number, tested in entries().items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| [{number}](#claim-{number}) |")]
        assert CLAIMS[number] in row
        for _, card, verdict in tested:
            assert f"../{card['chapter']}.ipynb" in row
            if "reading" in card:
                assert f"**{verdict['verdict']}**" in row or "**mixed**" in row
    assert sorted(CLAIMS) == list(range(12))


def test_the_first_round_stands_beside_the_second():
    old = pd.read_csv(cards.CARDS / "first_round.csv")
    assert sorted(set(old["claim"])) == list(range(1, 12)) == sorted(first_round().index)
    assert first_round()["verdict"][3] == "not supported" and first_round()["verdict"][1] == "partly"
    assert first_round().loc[1, ["for", "against", "open"]].tolist() == [7, 14, 4]


#: Chapter -> the claims that it must give the verdict on.
SHOWN = {10: (0, 1, 2, 3, 11), 11: (4, 5), 12: (6, 8), 13: (7,), 14: (9,), 15: (7, 10)}


def shown(number):
    """Claim -> the text below `verdicts.show` in the chapter of that number."""
    (path,) = (ROOT / "notebooks").glob(f"{number:02}_*.ipynb")
    found = {}
    for cell in read(path, 4).cells:
        if cell.cell_type == "code" and (call := re.search(r"verdicts\.show\((\d+)\)", cell.source)):
            (output,) = [o for o in cell.outputs if "text/markdown" in o.get("data", {})]
            found[int(call[1])] = output["data"]["text/markdown"]
    return found


def test_page_and_chapters_give_the_same_verdict():
    text = page()
    for number in CLAIMS:
        assert sentence(number) in text.splitlines()
    found = {number: shown(number) for number in range(9, 18)}
    for number, claims in SHOWN.items():
        assert set(claims) <= set(found[number]), f"chapter {number} lacks a verdict"
    for number, texts in found.items():
        for claim, verdict in texts.items():
            assert verdict == sentence(claim), f"chapter {number}: execute it anew, its verdict on claim {claim} is old"


def test_a_sentence_says_what_the_cards_say(monkeypatch):
    assert f"First round: **supported** (comparisons by data set: 6 for it). {verdicts.REMARKS[9]}" in sentence(9)
    worlds = [{"outcome": "for"}, {"outcome": "against"}, {"outcome": "for"}]
    card = {"reading": "released"}
    made = {n: [] for n in CLAIMS} | {9: [("a", card, {"verdict": "mixed", "worlds": worlds})]}
    monkeypatch.setattr(verdicts, "entries", lambda: made)
    assert "as the released code has it: **mixed** (comparisons by world: 2 for it, 1 against it)." in sentence(9)
    assert "not judged it yet" in sentence(4) and "not judged" not in sentence(9)
    assert verdicts.show(9).data == sentence(9)


def test_the_authors_own_code_is_on_the_page_as_it_is_stored():
    text = page()
    for row in pd.read_csv(cards.CARDS.parent / "stored" / "authors_code.csv").itertuples():
        assert f"| {row.freezing} | {row.direction} | {row[4]:.4f} |" in text
    gaps = pd.read_csv(cards.CARDS.parent / "stored" / "authors_code.csv").groupby("freezing")["Hits@1"].mean()
    assert 0.065 < gaps["off"] - gaps["on"] < 0.075 and "costs it seven points" in text


def test_what_the_chapters_say_was_unfair_follows_from_the_stored_runs():
    """The figures in the box *From the first round* of chapter 16, and those of the protocols in chapter 20."""
    box = read(ROOT / "notebooks" / "16_released_code.ipynb", 4).cells[0].source
    audit = "\n".join(cell.source for cell in read(ROOT / "notebooks" / "20_audit.ipynb", 4).cells)
    hits = cards.runs("protocols").groupby("variant")["Hits@1"].mean()
    same = cards.runs("systems").groupby(["dataset", "variant"])["Hits@1"].mean()
    released = same["emoji/fr_en+missing", "PMF as released"]
    gains = [
        hits["PMF, its own protocol"] - hits["PMF"],
        hits["PMF, its own protocol"] - released,
        released - hits["PMF"],
    ]
    assert [round(100 * gain) for gain in gains] == [14, 5, 9]
    assert "PMF gained fourteen points because its model had changed as well" in audit
    assert "MMEA gains 8.2 points, MEAformer 6.5 points and PMF 5.2 points" in audit and round(1000 * gains[1]) == 52
    gaps = [same[d, "PMF as released"] - same[d, "PMF"] for d in ("emoji/fr_en+missing", "synthetic/foreign")]
    assert [round(100 * gap) for gap in gaps] == [9, 17] and "nine and seventeen points" in box


def test_every_card_counts():
    assert {name for tested in entries().values() for name, _, _ in tested} == {
        name for name in cards.names() if cards.read(name)["claims"] and "results" in cards.read(name)
    }


def test_several_verdicts_become_one():
    assert together([]) == together(["not testable here"]) == "not testable here"
    assert together(["supported", "not testable here", "supported"]) == "supported"
    assert together(["supported", "contradicted"]) == together(["mixed", "mixed"]) == "mixed"
    assert together(["contradicted"]) == "contradicted"
