"""The page of errata is up to date, and shows what its data say."""

import datetime

import pytest
import yaml
from errata import DATA, PAGE, page

ONE = {
    "found": datetime.date(2027, 1, 31),
    "page": "notebooks/04_freezing.ipynb",
    "place": "cell [12]",
    "wrong": "Frozen rows **never** move.",
    "right": "They may.",
    "mended": None,
}


def test_page_is_up_to_date():
    errata = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page(errata), "run: python book/tools/errata.py"


def test_the_example_in_the_file_is_an_entry():
    comment = [line.removeprefix("#") for line in DATA.read_text(encoding="utf-8").splitlines()]
    example = yaml.safe_load("\n".join(line for line in comment if line.startswith((" - ", "   "))))
    assert "right since version 0.1.1" in page(example)


def test_what_is_shown():
    text = page([ONE, ONE | {"found": datetime.date(2026, 12, 1), "page": "book/primer.md", "mended": "0.2.0"}])
    assert "## notebooks/04_freezing.ipynb, cell [12]\n\n*Found 2027-01-31; not fixed yet.*" in text
    assert "**never**" in text and "**It should say:** They may." in text
    assert "## book/primer.md, cell [12]\n\n*Found 2026-12-01; right since version 0.2.0.*" in text
    assert "None is known" in page([]) and "None is known" not in text


@pytest.mark.parametrize(
    ("errata", "says"),
    [
        ([{k: v for k, v in ONE.items() if k != "right"}], "erratum 1: give found, mended, page, place, right, wrong"),
        ([ONE, ONE | {"pgae": "x"}], "erratum 2: give"),
        ([ONE | {"found": "January"}], "'January' is no date"),
        ([ONE | {"page": "notebooks/04.ipynb"}], "there is no notebooks/04.ipynb"),
        ([ONE, ONE | {"found": datetime.date(2027, 2, 1)}], "the newest comes first"),
    ],
)
def test_mistakes(errata, says):
    with pytest.raises(ValueError, match=says):
        page(errata)
