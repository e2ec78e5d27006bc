"""What is looked for in a built page; tests/book/test_checks.py shows that each of these finds it."""

from functools import cache
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup


@cache
def parse(path):
    return BeautifulSoup(path.read_text(), "html.parser")


@cache
def anchors(path):
    """All names that a link may have behind its #."""
    tags = parse(path).select("[id], [name]")
    return {tag.get(attribute) for tag in tags for attribute in ("id", "name")} - {None}


def broken_links(path):
    """Links of a page to a file or an anchor that is not there."""
    broken = []
    for link in parse(path).select("a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc or link["href"] == "#":
            continue
        target = path.parent / unquote(parts.path) if parts.path else path
        inside = target.is_file() and parts.fragment and target.suffix == ".html"
        if not target.is_file() or inside and unquote(parts.fragment) not in anchors(target.resolve()):
            broken.append(link["href"])
    return broken


def without_alt_text(page):
    """The pictures of a page that say nothing to those who cannot see them: bitmaps, and drawings in the page itself."""
    found = [img for img in page.select("article img") if not img.get("alt", "").strip()]
    for svg in page.select("article svg"):
        # A drawing inside a button or a math formula belongs to it; one that is hidden is an ornament.
        inside = svg.find_parent(["button", "mjx-container", "svg"]) or svg.get("aria-hidden") == "true"
        title = svg.find("title")
        if not inside and not (svg.get("aria-label", "").strip() or (title and title.text.strip())):
            found.append(svg)
    return [str(picture)[:80] for picture in found]


def jumps(page):
    """Headings more than one level below the one before; the first is the title."""
    headings = page.select(", ".join(f"article h{level}" for level in range(1, 7)))
    levels = [0, *(int(h.name[1]) for h in headings)]
    return [h.text for h, above in zip(headings, levels, strict=False) if int(h.name[1]) > above + 1]


def too_wide(browser, width):
    """Whether the page that is open scrolls sideways in a window of this width."""
    browser.resize(width, 800)
    wide = browser.evaluate("document.scrollingElement.scrollWidth")
    return wide > min(width, browser.evaluate("innerWidth"))  # a phone's window grows with what it shows
