"""Rules of the book's English: words to replace, persons, semicolons, British spelling."""

import re
from functools import cache

from lint import Book, Finding, rule, shown

# Directives whose content is no prose.
NO_PROSE = r"(?:raw|math|code|code-block|code-cell|image|bibliography|automodule|eval-rst|mermaid)"

# A history, quotations of what was wrong, and lists made from the bibliography or the chapters' headings and captions.
NO_TEXT_OF_OURS = ("CHANGELOG.md", "book/errata.md", "book/references.md", "book/figures.md", "book/exercises.md")


@cache
def prose(text):
    """Markdown without what is no English of ours: code, formulas, markup, addresses, citations. Lines stay where they are."""

    def blank(match):
        return "\n" * match[0].count("\n") or " "

    text = re.sub(r"\A---\n.*?\n---\n", blank, text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", blank, text, flags=re.DOTALL)
    # An outer fence first; what a directive such as {note} holds is prose and stays.
    text = re.sub(
        rf"^ *(```+|~~~+|:::+)(?:\{{{NO_PROSE}\}}|[\w-]*)[^\n{{]*\n.*?^ *\1 *$",
        blank,
        text,
        flags=re.DOTALL | re.MULTILINE,
    )
    text = re.sub(r"\$\$.*?\$\$", blank, text, flags=re.DOTALL)
    text = re.sub(r"\{cite[\w:]*\}`[^`]*`", blank, text)
    text = re.sub(r"\{[\w:]+\}`([^`<]*?)(?: <[^`>]*>)?`", r"\1", text)  # another role shows its words
    text = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", " code ", text, flags=re.DOTALL)
    text = re.sub(r"(?<!\\)\$[^$]+(?<!\\)\$", " formula ", text)
    text = re.sub(r"<[^>]+>", blank, text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"https?://\S+", blank, text)
    return re.sub(r"&\w+;|&#\d+;", " ", text)


def passages(book):
    """(file, where, prose) of all texts, captions of stored figures included."""
    for file, where, text in book.texts():
        if file not in NO_TEXT_OF_OURS:
            yield file, where, prose(text)
    for file, where, cell in book.code():
        for page in shown(cell):
            for caption in page.select("figcaption"):
                yield file, where, " ".join(caption.get_text().split())


def hits(book, patterns):
    """A finding for each place that one of the patterns (pattern -> advice) matches."""
    compiled = [(re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in patterns.items()]
    for file, where, text in passages(book):
        for pattern, advice in compiled:
            for match in pattern.finditer(text):
                around = " ".join(text[max(0, match.start() - 30) : match.end() + 30].split())
                yield Finding(file, where, f"{' '.join(match[0].split())!r} ({advice}) in: … {around} …")


def page(text):
    return Book(pages={"book/sample.md": text})


WORDS = {
    r"\btrainings\b": "training runs",
    r"\b(?:a|one|each|every|another|this|that|same|single|long|short|whole) training(?=[.,;:!?)]| (?:is|was|has|had|with|without|in|on|of|at|that|which|and|or|from|takes|ends|goes|may|can|would)\b)": "a training run",
    r"\b(?:one|same|each|every|per|another|this|first|which|two|three|four|five|six|ten|several|many|all|other|more|different|over|across) seeds?\b(?! pairs?| share)(?=[^.]*\b(?:run|runs|training|average|mean|spread|std|interval|differ\w*|over)\b)": "random seeds, or runs; seeds are known pairs",
    r"\blet out\b|\bsort(?:s|ed|ing)? out\b": "leave out, screen out",
    r"\bdear(?:er|est)?\b": "expensive",
    r"\bendless(?:ly)?\b": "infinite",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bspoil(?:s|t|ed|ing)?\b": "corrupt",
    r"\bdea(?:l|ls|lt|ling) out\b": "shuffle",
    r"\bstand(?:s|ing)? on (?:its|their|his|the) heads?\b": "upside down",
    r"\bstands? in the (?:table|figure|row|column|card|text)\b": "the table gives",
    r"\b(?:is|are|was|were) to be had\b": "you can get",
    r"\b(?:the|a|this|that|its|higher|lower|same) bar\b(?! (?:chart|of|shows|is drawn|is the mean))": "threshold",
    r"\bnought\b": "zero",
    r"\bmade[- ]up\b": "synthetic",
    r"\bbeyond doubt\b": "significant after correction",
    r"\bin earnest\b": "properly",
    r"\bin the first place\b": "first",
    r"\bhears?\b|\bheard\b|\bhearing\b|\blisten(?:s|ed|ing)?\b": "receives messages from, attends to",
    r"[,;:.] for (?:it|they|he|she|there|nothing|nobody|otherwise|then|we|you|here|whoever|what|whatever)\b": "because",
    r"[,;] for (?:the|a|an|its|their|this|that|these|those|only|all|no|another|other) (?:(?!that\b)[\w@-]+ ){1,4}?(?:is|are|was|were|has|have|had|does|do|did|can|cannot|would|will|may|must|knows?|takes?|gives?|needs?|counts?|differs?|has)\b": "because",
}


@rule("words to replace", page("He mends it, for it is dear."))
def words(book):
    yield from hits(book, WORDS)


THINGS = (
    "entity|entities|feature|features|vector|vectors|row|rows|pair|pairs|image|images|picture|pictures|modality|modalities|"
    "candidate|candidates|neighbour|neighbours|counterpart|counterparts|partner|partners|node|nodes|seeds|hub|hubs|emoji|"
    "negatives|negative|positive"
)
PERSONS = {
    r"\b(?:every|no|some|any)body\b": "every entity, none, one",
    r"\b(?:himself|herself|whoever)\b": "itself; an entity that",
    r"\b(?:his|him)\b": "its, it",
    rf"\b(?:{THINGS}) whom?\b": "that",
    r"(?:^|[.:;,] |\band )who (?:has|is|lacks|stands|learns|trains|gets|finds)\b": "an entity that",
}


@rule("things are no persons", page("Everybody whose feature is missing, an entity who has no pair."))
def persons(book):
    yield from hits(book, PERSONS)


AMERICAN = {
    rf"\b(?:{american})\b": british
    for american, british in {
        r"behavior(?:s|al)?": "behaviour",
        r"colors?|colored|coloring": "colour",
        r"neighbors?|neighboring|neighborhoods?": "neighbour",
        r"favor(?:s|ed|ite|able)?": "favour",
        r"labeled|labeling|modeled|modeling|canceled|traveled": "labelled",
        r"centers?|centered|fibers?|meters?": "centre",
        r"gray": "grey",
        r"analyz(?:e|es|ed|ing)": "analyse",
        r"(?:un)?(?:normal|optim|summar|general|visual|initial|regular|minim|maxim|real|recogn|organ|random|formal|categor|character|penal|util|emphas|special|local|symbol|parameter|quant|standard|memor|serial|vector|parallel|synchron)iz(?:e|es|ed|er|ers|ing|ation|ations)": "-ise",
        r"catalogs?": "catalogue",
        r"fulfill(?:s|ment)?|skillful": "fulfil",
        r"judgment": "judgement",
        r"artifacts?": "artefact",
        r"gotten": "got",
    }.items()
}


@rule("British spelling", page("The color of normalized neighbors."), [
    ("notebooks/06_losses.ipynb", "'emphasize'", "the paper's words"),
])  # fmt: skip
def spelling(book):
    yield from hits(book, AMERICAN)


PER_THOUSAND = 3


@rule("at most 3 semicolons per 1,000 words", page("One; two; three; four; five. " * 3))
def semicolons(book):
    """One finding for each semicolon above what a file of its length may have; a short file may have three."""
    texts = {}
    for file, _, text in passages(book):
        texts.setdefault(file, []).append(text)
    for file, parts in texts.items():
        text = "\n".join(parts)
        number, length = text.count(";"), len(re.findall(r"[^\W\d_]+", text))
        may = PER_THOUSAND * max(1, length / 1000)
        for _ in range(max(0, number - int(may))):
            yield Finding(file, "all of it", f"{number} semicolons in {length:,} words, {int(may)} would do")
