"""Write book/questions.md, the question bank with folded answers, from book/questions.yaml.

python book/tools/questions.py                     # after a change in book/questions.yaml or of a heading
python book/tools/questions.py --gift FILE         # the same for a learning platform (Moodle's GIFT)
"""

import argparse
import re
from pathlib import Path

import nbformat
import yaml
from figure_list import slug
from slides import prose

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "book" / "questions.yaml"
PAGE = ROOT / "book" / "questions.md"
KINDS = {"choice": "multiple choice", "short": "short answer", "calculation": "calculation"}
FIELDS = {"chapter", "kind", "difficulty", "question", "answer", "see"}
MORE = {"choice": {"wrong"}, "short": set(), "calculation": {"compute", "number"}}

HEAD = """# A bank of questions

{total} questions for tests and discussions, four to eight for each chapter and for the primer, with their answers folded. Each answer links to the section that gives it. For a learning platform, `make teach`
writes them as GIFT text (`_build/teaching/questions.gift`), which Moodle and others import. Calculated numbers are checked by a test. This page is made from `book/questions.yaml` by `book/tools/questions.py`.
"""
ENTRY = """
**{number}.** *({kind}, {difficulty})* {question}
{options}
<details><summary>Answer</summary>

{answer}{wrong}

See [{heading}]({path}#{anchor}).

</details>
"""


def read():
    """The questions, in order.

    Raises:
        ValueError: a question has a field too few or too many, or an unknown kind or difficulty.
    """
    questions = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    for q in questions:
        if set(q) != FIELDS | MORE.get(q.get("kind"), set()) or q["difficulty"] not in ("easy", "medium", "hard"):
            raise ValueError(f"{q.get('chapter')}: {q.get('question')!r} has other fields than its kind wants")
    return questions


def options_of(question):
    """The options of a multiple choice in alphabetical order, so that the right one stands anywhere, and the right one's letter."""
    options = sorted([question["answer"], *(w["option"] for w in question["wrong"])])
    return options, "abcdef"[options.index(question["answer"])]


def path_of(chapter):
    """Where a chapter, or the primer, lies relative to the page of questions."""
    return "primer.md" if chapter == "primer" else f"../notebooks/{chapter}.ipynb"


def title_of(chapter):
    """Its title, with its number if it has one."""
    path = PAGE.parent / path_of(chapter)
    if path.suffix == ".md":
        return re.match(r"# (.+)", path.read_text(encoding="utf-8"))[1]
    cells = nbformat.read(path, as_version=4).cells
    title = next(m[1] for c in cells if (m := re.match(r"# (.+)", c.source)))
    return f"Chapter {int(chapter[:2])}: {title}"


def page():
    """The text of book/questions.md."""
    questions, parts, before = read(), [], None
    for q in questions:
        if q["chapter"] != before:
            before, number = q["chapter"], 0
            parts.append(f"\n## {title_of(before)}\n")
        number += 1
        fields = {"options": "", "wrong": "", "answer": q["answer"]}
        if q["kind"] == "choice":
            options, letter = options_of(q)
            fields["options"] = "\n" + "\n".join(f"* {k}) {o}" for k, o in zip("abcdef", options, strict=False)) + "\n"
            fields["answer"] = f"**{letter})** {q['answer']}"
            why = {w["option"]: w["why"] for w in q["wrong"]}
            lines = [f"* Not {k}): {why[o]}" for k, o in zip("abcdef", options, strict=False) if o in why]
            fields["wrong"] = "\n\n" + "\n".join(lines)
        parts.append(ENTRY.format(**{
            "number": number, "kind": KINDS[q["kind"]], "difficulty": q["difficulty"], "question": q["question"],
            "heading": q["see"], "path": path_of(before), "anchor": slug(q["see"]), **fields,
        }))  # fmt: skip
    return HEAD.format(total=len(questions)) + "".join(parts)


def gift():
    """All questions as GIFT: one category per chapter; a short answer is an essay with the answer as feedback."""

    def told(text):
        text = re.sub(r"\s*\n\s*", " ", re.sub(r"^<p>|</p>$", "", prose(str(text)).strip()))
        return re.sub(r"([\\~=#{}:])", r"\\\1", text)

    parts, before = [], None
    for number, q in enumerate(read(), 1):
        if q["chapter"] != before:
            before = q["chapter"]
            parts.append(f"$CATEGORY: {before}\n\n")
        if q["kind"] == "choice":
            lines = [f"  ={told(q['answer'])}", *(f"  ~{told(w['option'])}#{told(w['why'])}" for w in q["wrong"])]
            body = "\n" + "\n".join(lines) + "\n"
        elif q["kind"] == "calculation":
            body = f"#{q['number']}:{error_of(q['number'])}####{told(q['answer'])}"
        else:
            body = f"####{told(q['answer'])}"
        parts.append(f"::{before} {number}::[html]{told(q['question'])} {{{body}}}\n\n")
    return "".join(parts)


def error_of(number):
    """Half a unit of the last digit that is given of a number."""
    digits = len(str(number).partition(".")[2])
    return round(0.5 * 10**-digits, digits + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gift", type=Path, metavar="FILE", help="write GIFT text to this file instead")
    args = parser.parse_args()
    if args.gift:
        args.gift.parent.mkdir(parents=True, exist_ok=True)
        args.gift.write_text(gift(), encoding="utf-8")
    else:
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
