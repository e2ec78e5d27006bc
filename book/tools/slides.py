"""Make slides for the lessons of book/lessons.yaml out of the chapters: every word on them stands in a chapter.

    python book/tools/slides.py                      # _build/teaching/slides, one page per lesson
    python book/tools/slides.py --list 04_freezing   # the names of a chapter's pieces, for editing the lessons

A slide is a heading of a chapter and some of the pieces below it, by kind and number: `text 1`, `list 1`, `table 1`,
`math 1` (of the prose), `code 1`, `figure 1`, `output 1` (of the cells); `text 1:2-3` are two sentences of a paragraph.
The pages work from their folder without a network.
"""

import argparse
import html
import re
import sys
from functools import cache
from pathlib import Path

import nbformat
import yaml
from build_site import copy_mathjax
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[2]
LESSONS = ROOT / "book" / "lessons.yaml"

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
<script defer src="mathjax/tex-chtml-full.js"></script>
</head>
<body>
{slides}
<script>{script}</script>
</body>
</html>
"""
# A slide is 1280 by 720 whatever the window, so that what fits here fits everywhere; the script scales it.
STYLE = """
@page { size: 1280px 720px; margin: 0 }
* { box-sizing: border-box }
body { margin: 0; background: #fff; color: #111; font-family: sans-serif }
section { width: 1280px; height: 720px; padding: 28px 48px 12px; display: flex; flex-direction: column;
  background: #fff; overflow: hidden; break-after: page; line-height: 1.35 }
h1 { font-size: 54px; margin: auto 0 20px } h1 + main { flex: 0 0 auto; margin-bottom: auto }
h2 { font-size: 36px; margin: 0 0 10px; color: #0b4a6f }
main { flex: 1; min-height: 0; font-size: 30px; display: flex; flex-direction: column; gap: .4em; overflow: hidden }
main > * { flex: none }
main p, main ul, main ol { margin: 0 } main li + li { margin-top: .3em }
footer { display: flex; justify-content: space-between; font-size: 16px; color: #555; padding-top: 6px }
.figures { display: flex; gap: 24px }
.figures:has(> figure > img) { flex: 1 1 0; min-height: 0 }
.figures figure { flex: 1 1 0; min-width: 0; display: flex; flex-direction: column; max-width: none !important }
.figures figure > img { flex: 1 1 0; min-height: 0; object-fit: contain }
.figures svg { max-height: 330px }
.figures img[width="48"] { width: 3.6em; height: 3.6em }
figcaption { font-size: max(.8em, 18px) } figcaption a, figure details, figure button { display: none }
pre { margin: 0; padding: .4em .7em; background: #f3f5f7; font-size: .8em; line-height: 1.3; white-space: pre-wrap }
table { border-collapse: collapse; border: 0; font-size: .85em; align-self: flex-start }
td, th { border: 0; border-bottom: 1px solid #bbb; padding: .12em .6em; text-align: left }
.dataframe td, .dataframe th { text-align: right }
mjx-container[display="true"] { margin: .2em 0 !important }
@media print { section { transform: none !important } input { display: none } }
@media screen { body.shown { overflow: hidden; background: #333 }
  body.shown section { position: absolute; left: 0; top: 0; transform-origin: 0 0; visibility: hidden }
  body.shown section.now { visibility: visible } }
"""
# Arrow keys, space, Home, End and a click go through the slides. Before that, what is too much for a slide gets smaller:
# cards first, then words.
SCRIPT = """
const slides = [...document.querySelectorAll("section")];
let now = 0;
function show(k) {
  now = Math.max(0, Math.min(slides.length - 1, k));
  slides.forEach((s, i) => s.classList.toggle("now", i == now));
  history.replaceState(null, "", "#" + (now + 1));
}
function scale() {
  const by = Math.min(innerWidth / 1280, innerHeight / 720);
  const x = (innerWidth - 1280 * by) / 2, y = (innerHeight - 720 * by) / 2;
  slides.forEach(s => s.style.transform = `translate(${x}px, ${y}px) scale(${by})`);
}
function full(main) {
  const over = e => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1;
  return [main, ...main.querySelectorAll(".figures > figure")].some(over)
    || [...main.querySelectorAll(".figures > figure > img")].some(picture => picture.clientHeight < 300);
}
function fit(main) {
  const cards = main.querySelectorAll(".figures:not(:has(> figure > img))");
  const set = (elements, size) => elements.forEach(e => e.style.fontSize = size + "px");
  for (let size = 30; size > 16 && full(main); size--) { set(cards, size); set([main], Math.max(size, 23)); }
  for (let size = 23; size > 16 && full(main); size--) set([main], size);
}
addEventListener("load", () => (window.MathJax ? MathJax.startup.promise : Promise.resolve()).then(() => {
  document.querySelectorAll("main").forEach(fit);
  document.body.classList.add("shown");
  scale();
  show((+location.hash.slice(1) || 1) - 1);
  document.body.dataset.ready = "";
}));
addEventListener("resize", scale);
addEventListener("keydown", event => {
  if (event.target.matches("input")) return;
  const to = {ArrowRight: now + 1, PageDown: now + 1, " ": now + 1, ArrowLeft: now - 1, PageUp: now - 1,
    Home: 0, End: slides.length - 1}[event.key];
  if (to !== undefined) { show(to); event.preventDefault(); }
});
addEventListener("click", event => {
  if (!event.target.closest("input, label, summary, a")) show(now + (event.clientX < innerWidth / 3 ? -1 : 1));
});
"""


@cache
def authors(key):
    """Who wrote what the bibliography has under this key, as one says it."""
    entry = parse_file(ROOT / "book" / "references.bib").entries[key]
    names = [str(part) for person in entry.persons["author"] for part in person.rich_last_names[-1:]]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


def prose(text, inline=False):
    """Markdown of a chapter as HTML: without links, citations as plain words, formulas left to MathJax."""
    text = re.sub(r",?\s*\{cite:p\}`([^`]*)`", lambda cited: f" ({authors(cited[1])})", text)
    text = re.sub(r"\{cite:t\}`([^`]*)`", lambda cited: authors(cited[1]), text)
    text = re.sub(r"\[([^\]]*)\]\([^)\s]*\)", r"\1", text)

    def formula(content, options):
        left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
        return left + html.escape(content.strip()) + right

    markdown = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=formula)
    return markdown.renderInline(text) if inline else markdown.render(text)


def blocks(text):
    """Paragraphs, lists, tables, formulas and headings of a piece of Markdown, as they stand; fences and folds are left out."""
    text = re.sub(r"^(```+|~~~+).*?^\1\s*$|<details>.*?</details>", "", text, flags=re.DOTALL | re.MULTILINE)
    return [block.strip("\n") for block in re.split(r"\n\s*\n", text) if block.strip()]


def kind_of(block):
    kinds = {"$$": "math", "* ": "list", "- ": "list", "1. ": "list", "|": "table"}
    return next((kind for start, kind in kinds.items() if block.startswith(start)), "text")


def sections(nb):
    """Heading -> {name of a piece: its source}, in the order of the chapter; what cells show is HTML already."""
    found, pieces = {}, {}

    def add(kind, source):
        number = sum(name.startswith(f"{kind} ") for name in pieces) + 1
        pieces[f"{kind} {number}"] = source

    for cell in nb.cells:
        if cell.cell_type == "markdown":
            for block in blocks(cell.source):
                if match := re.fullmatch(r"#+ (.+)", block):
                    pieces = found.setdefault(match[1], {})
                else:
                    add(kind_of(block), block)
            continue
        add("code", f"<pre>{html.escape(cell.source)}</pre>")
        for output in cell.outputs:
            shown = output.get("data", {})
            if "<figure" in shown.get("text/html", ""):
                add("figure", shown["text/html"])
            elif "text/html" in shown:
                add("output", re.sub(r"<style.*?</style>", "", shown["text/html"], flags=re.DOTALL))
            else:
                add("output", f"<pre>{html.escape(output.get('text') or shown.get('text/plain', ''))}</pre>")
    return found


def markup(pieces, name):
    """The HTML of the piece of that name; of a paragraph perhaps some sentences only.

    Raises:
        KeyError: there is no such piece, or it has fewer sentences.
    """
    name, _, some = name.partition(":")
    source = pieces[name]
    if name.split()[0] in ("code", "figure", "output"):
        return source
    if some:
        first, last = int(some.split("-")[0]), int(some.split("-")[-1])
        sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z*$])", source)
        if last > len(sentences):
            raise KeyError(name)
        source = " ".join(sentences[first - 1 : last])
    return prose(source)


def slide(heading, parts, footer="", level=2):
    """One slide; figures that follow each other stand side by side and take the room that is left."""
    body = "".join(f'<div class="figures">{part}</div>' if "<figure" in part else part for part in parts)
    body = body.replace('</figure></div><div class="figures">', "</figure>")
    title = prose(heading, inline=True)
    return f"<section><h{level}>{title}</h{level}><main>{body}</main><footer>{footer}</footer></section>"


def page(lesson):
    """The HTML of a lesson.

    Raises:
        ValueError: a heading or a piece that the lesson names is not in the chapter.
    """
    made, before = [(lesson["title"], [f"<p>{html.escape(lesson['week'])}</p>"], "", 1)], None
    for chapter, heading, *names in lesson["slides"]:
        if chapter != before:
            found, before = sections(nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)), chapter
            title = next(iter(found))
            made.append((title, [markup(found[title], "text 1")], title, 1))
        try:
            made.append((heading, [markup(found[heading], name) for name in names], title, 2))
        except KeyError as error:
            raise ValueError(f"{chapter}, {heading!r}: there is no {error}; see --list {chapter}") from None
    slides = []
    for number, (heading, parts, title, level) in enumerate(made, 1):
        footer = f"<span>{html.escape(title)}</span><span>{number} / {len(made)}</span>"
        slides.append(slide(heading, parts, footer, level))
    return PAGE.format(title=html.escape(lesson["title"]), style=STYLE, script=SCRIPT, slides="\n".join(slides))


def write_slides(folder):
    """Write a page per lesson, and MathJax beside them, into `folder`."""
    copy_mathjax(folder / "mathjax")
    for number, lesson in enumerate(yaml.safe_load(LESSONS.read_text(encoding="utf-8")), 1):
        (folder / f"lesson_{number}.html").write_text(page(lesson), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "_build" / "teaching" / "slides", metavar="FOLDER")
    parser.add_argument("--list", metavar="CHAPTER", help="print the pieces of a chapter instead")
    args = parser.parse_args()
    if args.list:
        for heading, pieces in sections(nbformat.read(ROOT / "notebooks" / f"{args.list}.ipynb", as_version=4)).items():
            print(heading)
            for name, source in pieces.items():
                words = re.search(r'alt="([^"]*)"', source) if name.startswith("figure") else None
                words = words[1] if words else re.sub(r"<[^>]*>", "", source)
                print(f"    {name:10}{' '.join(html.unescape(words).split())[:90]}")
        return 0
    write_slides(args.to)
    print(f"the slides are in {args.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
