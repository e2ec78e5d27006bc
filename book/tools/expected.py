"""Compare a built site with the last release: pages, search index and images may grow, but not shrink.

    python book/tools/expected.py _build/html              # what the build does at its end: exit code 1 if one shrank
    python book/tools/expected.py _build/html --write      # at a release: book/expected.json says what the site has now

A build can end without a warning and still have lost half of its pages, its figures or its search. These numbers notice.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = ROOT / "book" / "expected.json"
# A chapter loses a figure or a paragraph from one release to the next, and that is no fault. Pages are few: one that goes is
# a decision, and then the file is written anew.
MARGIN = {
    "pages": 0.0,
    "images": 0.05,
    "image_bytes": 0.15,
    "search_titles": 0.05,
    "search_terms": 0.05,
    "search_bytes": 0.1,
}
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg"}


def measure(site):
    """What there is of each kind in a built site.

    Args:
        site: folder with the pages.

    Returns:
        A dictionary with the keys of `MARGIN`: numbers of pages, of pictures (files, and those inside the pages) and of the
        titles and words that the search knows; sizes in bytes.

    Raises:
        ValueError: the folder has no search index.
    """
    site = Path(site)
    index = site / "searchindex.js"
    match = (
        re.fullmatch(r"Search\.setIndex\((.*)\)\s*", index.read_text("utf-8"), re.DOTALL) if index.is_file() else None
    )
    if not match:
        raise ValueError(f"{index} is no search index: was the site built?")
    search = json.loads(match[1])
    pages = [path for path in site.rglob("*.html") if "_static" not in path.relative_to(site).parts]
    files = [path for path in (site / "_images").glob("*") if path.suffix in PICTURES]
    texts = [path.read_text("utf-8") for path in pages]
    inside = [data for text in texts for data in re.findall(r'src="data:image/[^"]*"', text)]
    return {
        "pages": len(pages),
        "images": len(files) + len(inside) + sum(text.count("<svg") for text in texts),
        "image_bytes": sum(path.stat().st_size for path in files) + sum(map(len, inside)),
        "search_titles": len(search["alltitles"]),
        "search_terms": len(search["terms"]),
        "search_bytes": index.stat().st_size,
    }


def shrunk(found, expected):
    """What a site has too little of: one sentence each.

    Args:
        found, expected: dictionaries as `measure` returns them.
    """
    return [
        f"{name.replace('_', ' ')}: {found[name]:,}, and the last release had {expected[name]:,} "
        f"(at least {1 - margin:.0%} of that are wanted)"
        for name, margin in MARGIN.items()
        if found[name] < expected[name] * (1 - margin)
    ]


def compare(found):
    """Print what a site has too little of.

    Args:
        found: dictionary as `measure` returns it.

    Returns:
        Exit code: 1 if there is anything, else 0.
    """
    faults = shrunk(found, json.loads(EXPECTED.read_text(encoding="utf-8")))
    for fault in faults:
        print(f"The book has shrunk. {fault[0].upper()}{fault[1:]}", file=sys.stderr)
    if faults:
        print("If that is meant: python book/tools/expected.py _build/html --write", file=sys.stderr)
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="folder with the built pages")
    parser.add_argument("--write", action="store_true", help="store what the site has now in book/expected.json")
    args = parser.parse_args()
    found = measure(args.site)
    if args.write:
        EXPECTED.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    return compare(found)


if __name__ == "__main__":
    sys.exit(main())
