"""A build that has lost pages, pictures or its search fails, even if no warning came."""

import json
import sys

import expected
import pytest
from bookfiles import toc_files
from expected import EXPECTED, MARGIN, measure, shrunk

STORED = json.loads(EXPECTED.read_text(encoding="utf-8"))


def small_site(folder, pages=3):
    """A site of some pages, each with a picture inside; one picture of its own; a search index of two titles."""
    (folder / "_images").mkdir(parents=True)
    (folder / "_static").mkdir()
    (folder / "_images" / "a.png").write_bytes(b"12345")
    (folder / "_static" / "webpack.html").write_text("no page of the book")
    for number in range(pages):
        (folder / f"{number}.html").write_text('<img src="data:image/png;base64,AAAA"><svg></svg>')
    index = {"alltitles": {"One": [[0, "one"]], "Two": [[1, "two"]]}, "terms": {"word": 0}}
    (folder / "searchindex.js").write_text(f"Search.setIndex({json.dumps(index)})")
    return folder


def test_the_file_has_a_number_of_everything_that_is_compared():
    assert STORED.keys() == MARGIN.keys() and all(value > 0 for value in STORED.values())
    assert STORED["pages"] > len(toc_files())  # with the search, the index and the old addresses
    assert all(0 <= margin <= 0.15 for margin in MARGIN.values())


def test_what_is_counted(tmp_path):
    found = measure(small_site(tmp_path))
    picture = len('src="data:image/png;base64,AAAA"')
    assert found["pages"] == 3 and found["images"] == 1 + 3 + 3 and found["image_bytes"] == 5 + 3 * picture
    assert found["search_titles"] == 2 and found["search_terms"] == 1 and found["search_bytes"] > 50


@pytest.mark.parametrize("name", MARGIN)
def test_less_of_any_is_noticed(name):
    assert shrunk(STORED, STORED) == []
    assert shrunk({key: value * 2 for key, value in STORED.items()}, STORED) == []
    limit = STORED[name] * (1 - MARGIN[name])
    (fault,) = shrunk({**STORED, name: int(limit) - 1}, STORED)
    assert fault.startswith(name.replace("_", " ")) and f"{STORED[name]:,}" in fault
    assert shrunk({**STORED, name: int(limit) + 1}, STORED) == []


def test_the_command_fails_and_writes(tmp_path, monkeypatch, capsys):
    site, stored = small_site(tmp_path / "site"), tmp_path / "expected.json"
    monkeypatch.setattr(expected, "EXPECTED", stored)
    monkeypatch.setattr(sys, "argv", ["expected.py", str(site), "--write"])
    assert expected.main() == 0 and json.loads(stored.read_text()) == measure(site)
    monkeypatch.setattr(sys, "argv", ["expected.py", str(site)])
    assert expected.main() == 0
    (site / "2.html").unlink()
    assert expected.main() == 1 and "pages: 2" in capsys.readouterr().err.lower()


def test_a_folder_without_a_search_index_is_no_site(tmp_path):
    with pytest.raises(ValueError, match="no search index"):
        measure(tmp_path)


def test_the_built_site_has_what_the_last_release_had(site):
    assert shrunk(measure(site), STORED) == []
