"""Print the built site as one PDF, by a browser of the Chromium family.

    python book/tools/pdf.py _build/html       # writes _build/pmf-book.pdf

The articles of all pages but the API are put one after the other into one page, with a cover and a table of contents.
Answers and hints that were folded are open, the code that the site folds is left out, and links between pages lead to
the place in the PDF. The headings become its outline.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pikepdf
import yaml
from browser import Browser, find_browser
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # for laying out and printing some hundred sheets on a busy machine
SITE_ONLY = ("book/api",)  # a quarter of all words, and one searches it instead of reading it
# Attributes that name ids: one, or several with blanks between them.
NAMING = ("id", "for", "headers", "aria-labelledby", "aria-describedby", "aria-controls")


def contents():
    """Caption and pages of each part, as they are printed."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    yield None, [toc["root"]]
    for part in toc["parts"]:
        yield part["caption"], [chapter["file"] for chapter in part["chapters"] if chapter["file"] not in SITE_ONLY]


def article(site, page, printed):
    """The text of one page, with addresses that hold in a page of all pages.

    Args:
        site: folder of the site.
        page: such as ``book/preface``.
        printed: all pages that are printed.
    """
    path = site / f"{page}.html"
    found = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("article.bd-article")
    for tag in found.select("script, a.headerlink, button, img.thumbnail"):  # the figures themselves are printed
        tag.decompose()
    for tag in found.select("div.tag_hide-input > details"):  # code of figures and checks: the notebook has it
        tag.decompose()
    for tag in found.select("div.cell:not(:has(*))"):
        tag.decompose()
    for tag in found.select("details"):
        tag["open"] = ""
    for tag in found.select("div.cell > details > summary"):  # "Show" and "Hide" are for a screen
        tag.string = "A solution"
    for tag in found.find_all(True):
        for name in NAMING:
            if tag.get(name):
                tag[name] = " ".join(f"{page}--{one}" for one in str(tag[name]).split())
        if tag.get("src") and not urlsplit(tag["src"]).scheme:
            tag["src"] = (path.parent / unquote(tag["src"])).resolve().as_uri()
        if tag.get("href"):
            tag["href"] = _moved(tag["href"], page, path, site, printed)
            if not tag["href"]:
                del tag["href"]
    found["id"] = page
    return found


def _moved(href, page, path, site, printed):
    """Where a link leads in the page of all pages; nowhere, if it leads to what is not printed."""
    parts = urlsplit(href)
    if parts.scheme == "data":
        return None  # a file inside the page: no sheet can hand it out
    if parts.scheme or parts.netloc:
        return href
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    name = target.relative_to(site.resolve()).with_suffix("").as_posix()
    if name not in printed or target.suffix != ".html":
        return None
    return f"#{name}--{parts.fragment}" if parts.fragment else f"#{name}"


def number(page):
    """Of a chapter: what the text calls it by."""
    found = re.match(r"notebooks/(\d+)_", page)
    return str(int(found[1])) if found else ""


def assemble(site):
    """One page of all pages. The sheets in its contents are empty, see `fill`."""
    parts = list(contents())
    printed = [page for _, pages in parts for page in pages]
    root = f"{printed[0]}.html"
    whole = BeautifulSoup((site / root).read_text(encoding="utf-8"), "html.parser")
    styles = [link["href"] for link in whole.select("head link[rel=stylesheet]")]
    styles = [((site / root).parent / style.partition("?")[0]).resolve().as_uri() for style in styles]
    styles.append((ROOT / "book" / "tools" / "print.css").as_uri())
    mathjax = [tag.string for tag in whole.select("script") if "window.MathJax" in (tag.string or "")]
    source = site / "_static" / "mathjax" / "tex-chtml-full.js"
    articles = {page: article(site, page, printed) for page in printed}
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))

    lines = []
    for caption, pages in parts:
        lines += [f'<p class="part">{caption}</p>'] if caption else []
        for page in pages:
            title = articles[page].find("h1").get_text(" ", strip=True)
            lines.append(f'<p class="entry"><span>{number(page)}</span><a href="#{page}">{title}</a><span></span></p>')
    chapters = []
    for page, text in articles.items():
        above = f'<p class="number">Chapter {number(page)}, {page}.ipynb</p>' if number(page) else ""
        chapters.append(f'<section class="chapter {Path(page).name}">{above}{text}</section>')
    title, author, address = config["title"], config["author"], config["repository"]["url"]
    return f"""<!doctype html>
<html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8"><title>{title}</title>
{"".join(f'<link rel="stylesheet" href="{style}">' for style in styles)}
{"".join(f"<script>{text}</script>" for text in mathjax)}<script defer src="{source.as_uri()}"></script></head>
<body><header class="cover"><p class="title">{title}</p><p>{author[0].upper()}{author[1:]}, {config["copyright"]}</p>
<p>A teaching book on <em>Progressively Modality Freezing for Multi-Modal Entity Alignment</em> (ACL 2024)</p>
<p class="where">Printed from the site. The notebooks, the figures that move and the page of the API are at
<a href="{address}">{address}</a>. The code that draws a figure or checks an answer is not printed: the notebook named
above a chapter's title has it.</p></header>
<nav class="contents"><p class="title">Contents</p>{"".join(lines)}</nav>
<main class="bd-content">{"".join(chapters)}</main></body></html>"""


def fill(browser, sheets):
    """Write into the contents of the open page on which sheet each page of the book begins."""
    places = "document.querySelectorAll('.contents .entry > span:last-child')"
    browser.evaluate(f"{{const sheets = {sheets}; {places}.forEach((place, i) => place.textContent = sheets[i])}}")


def first_sheets(pdf):
    """The sheets, counted from 1, that the first level of the outline leads to."""
    sheets = {page.objgen: number for number, page in enumerate(pdf.pages, 1)}
    with pdf.open_outline() as outline:
        return [sheets[entry.destination[0].objgen] for entry in outline.root]


def make(site, target):
    """Write the PDF; returns the number of its sheets.

    Raises:
        FileNotFoundError: no browser is installed.
    """
    site = Path(site).resolve()
    program = find_browser()
    if program is None:
        raise FileNotFoundError("no Chromium or Chrome is installed: it is what prints the PDF")
    options = {"generateDocumentOutline": True, "preferCSSPageSize": True, "printBackground": True}
    with tempfile.TemporaryDirectory() as scratch:
        page, draft = Path(scratch) / "book.html", Path(scratch) / "book.pdf"
        page.write_text(assemble(site), encoding="utf-8")
        with Browser(program, Path(scratch) / "profile", SECONDS) as browser:
            browser.open(page, width=1000)
            # Twice: on which sheet a chapter begins is known only when it has been printed.
            browser.print(draft, **options)
            with pikepdf.open(draft) as pdf:
                fill(browser, first_sheets(pdf))
            browser.print(draft, **options)
        with pikepdf.open(draft) as pdf:
            # What screen readers need is half of the file until it is packed.
            pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=True)
            return len(pdf.pages)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--to", type=Path, default=ROOT / "_build" / "pmf-book.pdf", metavar="FILE")
    args = parser.parse_args()
    try:
        sheets = make(args.site, args.to)
    except FileNotFoundError as error:
        parser.error(str(error))
    print(f"{args.to}: {sheets} sheets, {args.to.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
