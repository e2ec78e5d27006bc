"""What the emoji data say: one knowledge graph per language, from names, keywords and codes.

Used by ``emoji_build.py`` alone. Codes serve to look facts up; none is written anywhere.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pmf_minimal.datasets.emoji.words import FUNCTION_WORDS, NAMES

FREQUENT = 6  # a word is a property name when so many names of emoji contain it …
FREQUENT_SIGN = 10  # … and so many for a single Chinese character, which says less than a word
FLAGS_OF_PLACES = {"country-flag", "subdivision-flag"}
PEOPLE = {  # gendered figure -> figure without gender
    "1F468": ("1F9D1", "male"), "1F469": ("1F9D1", "female"),  # man, woman -> person
    "1F466": ("1F9D2", "male"), "1F467": ("1F9D2", "female"),  # boy, girl -> child
    "1F474": ("1F9D3", "male"), "1F475": ("1F9D3", "female"),  # old man, old woman
    "1F934": ("1FAC5", "male"), "1F478": ("1FAC5", "female"),  # prince, princess
    "1FAC3": ("1FAC4", "male"), "1F930": ("1FAC4", "female"),  # pregnant man, woman
    "1F385": ("1F9D1-200D-1F384", "male"), "1F936": ("1F9D1-200D-1F384", "female"),  # Claus
}  # fmt: skip
HANDS = "1F9D1-200D-1F91D-200D-1F9D1"  # people holding hands; older forms are single characters
HOLDING = {"1F46B": HANDS, "1F46C": HANDS, "1F46D": HANDS}
SIGNS = {"2640": "female", "2642": "male"}
HAIR, FACING_RIGHT = {"1F9B0", "1F9B1", "1F9B2", "1F9B3"}, "27A1"
KISS, COUPLE, FAMILY = "1F48F", "1F491", "1F46A"


@dataclass
class Graph:
    """One knowledge graph, by URI: what the benchmark files hold, before ids are dealt."""

    emoji: dict[str, str]  # plain code -> URI; the code is for pictures and pairs only
    others: list[str] = field(default_factory=list)  # keywords, groups or subgroups
    triples: list[tuple[str, str, str]] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=dict)


def kept(packages: Path) -> list[int]:
    """Positions, in every language's list alike, of the emoji that become entities.

    Left out: single letters that flags are made of, skin tones and hair as such, and the flags of
    countries and regions. Skin-toned variants are no entries of these lists in the first place.
    """
    records, meta = _records(packages, "en"), _json(packages, "meta/groups")
    flags = {int(i) for i, key in meta["subgroups"].items() if key in FLAGS_OF_PLACES}
    component = {int(i) for i, key in meta["groups"].items() if key == "component"}
    return [
        i
        for i, record in enumerate(records)
        if "group" in record and record["subgroup"] not in flags and record["group"] not in component
    ]


def read_graph(packages: Path, language: str) -> Graph:
    """The graph of one language; the English one has another schema than the other four."""
    everything = _records(packages, language)
    records = [everything[i] for i in kept(packages)]
    english, word = language == "en", NAMES[language]
    groups, subgroups = _group_names(packages, language)
    label = [_spaces(record["label"]) for record in records]
    shared = Counter(label)
    for i, record in enumerate(records):  # two emoji of one name are told apart as in DBpedia
        if shared[label[i]] > 1:
            label[i] += f" ({subgroups[record['subgroup']]})"
    code = [plain(record["hexcode"]) for record in records]
    graph = Graph({c: uri(language, "emoji", name) for c, name in zip(code, label, strict=True)})
    of_label = {name.lower(): c for c, name in zip(code, label, strict=True)}
    tags = [sorted({_spaces(t) for t in r.get("tags", []) if re.search(r"[^\W_]", t)}) for r in records]
    popular = Counter(tag for some in tags for tag in some)

    def add(head: str, relation: str, tail: str) -> None:
        graph.triples.append((head, uri(language, "relation", relation), tail))

    for i, record in enumerate(records):
        me = graph.emoji[code[i]]
        group = groups[record["group"]]
        if english:
            add(me, f"{word['kind']} {group}", uri("en", "subgroup", subgroups[record["subgroup"]]))
        else:
            add(me, word["group"], uri(language, "group", group))
        for tag in tags[i]:
            if popular[tag] > 1:
                in_name = tag.lower() in label[i].lower()
                kind = word["named" if in_name else "keyword"] if english else f"{word['keyword']} ({group})"
                add(me, kind, uri(language, "keyword", tag))
            other = of_label.get(tag.lower(), code[i])
            if other != code[i]:
                add(me, word["see also"], graph.emoji[other])
        parts = code[i].split("-200D-")
        for part in sorted(set(parts)):
            if len(parts) > 1 and part in graph.emoji:
                add(me, word["component"], graph.emoji[part])
        for base, kind in variant_of(code[i]):
            if base in graph.emoji and base != code[i]:
                add(me, word["variant"] if english else word[kind], graph.emoji[base])
    graph.others = sorted({tail for _, _, tail in graph.triples} - set(graph.emoji.values()))
    for me, names in zip(graph.emoji.values(), _property_names(language, records, label), strict=True):
        graph.attributes[me] = sorted(uri(language, "property", name) for name in names)
    return graph


def _property_names(language: str, records: list[dict], label: list[str]) -> list[set[str]]:
    """For each emoji, its facts and the frequent words of its name, as the language calls them."""
    word = NAMES[language]
    words = [name_words(language, name) for name in label]
    count = Counter(w for some in words for w in some)
    frequent = {w for w, n in count.items() if n >= (FREQUENT_SIGN if len(w) == 1 else FREQUENT)}
    return [
        {word[key] for key in facts(record, language == "en") if key in word} | (some & frequent)
        for record, some in zip(records, words, strict=True)
    ]


def plain(code: str) -> str:
    """A code without the variation selector that asks for the coloured form of a character."""
    return "-".join(part for part in code.split("-") if part != "FE0F")


def variant_of(code: str) -> list[tuple[str, str]]:
    """Codes that an emoji is a form of, with the kind of form: female, male or other."""
    parts = code.split("-200D-")
    found = []
    if code in HOLDING:
        found.append((HOLDING[code], "other"))
    if code in PEOPLE:
        found.append(PEOPLE[code])
    if "2764" in parts and len(parts) > 2:  # person, heart, perhaps lips, person
        found.append((KISS if "1F48B" in parts else COUPLE, "other"))
    elif len(parts) > 1 and all(part in PEOPLE or part in ("1F9D1", "1F9D2") for part in parts):
        found.append((FAMILY, "other"))
    elif len(parts) > 1:
        if parts[0] in PEOPLE:
            base, kind = PEOPLE[parts[0]]
            found.append(("-200D-".join([base, *parts[1:]]), kind))
        for i, part in enumerate(parts[1:], start=1):
            kind = SIGNS.get(part, "other")
            if part in SIGNS or part in HAIR or part == FACING_RIGHT:
                found.append(("-200D-".join(parts[:i] + parts[i + 1 :]), kind))
    return found


def facts(record: dict, english: bool) -> set[str]:
    """Keys of the properties, other than words of the name, that hold for an emoji."""
    skins, version = record.get("skins", []), record["version"]
    if english:
        era = next(f"until {v}" for v in (0.9, 3, 5, 12.1, 99) if version <= v)
    else:
        era = next(f"until {v}" for v in (0.9, 5, 99) if version <= v)
    holds = {
        era: True,
        "skin tones": bool(skins),
        "two skin tones": any(isinstance(skin.get("tone"), list) for skin in skins),
        "gender": "gender" in record,
        "emoticon": "emoticon" in record,
        "text by default": record["type"] == 0,
        "text form": bool(record["text"]),
        "sequence": "-200D-" in record["hexcode"],
    }
    return {key for key, value in holds.items() if value}


def name_words(language: str, name: str) -> set[str]:
    """Words of an emoji's name.

    Where spaces divide words: words of three letters or more that are no function words. Chinese and
    Japanese: every single Chinese character but the particle 的, and whole runs of katakana;
    hiragana, mostly endings and particles, is left out.
    """
    pattern = r"[一-鿿]|[ァ-ヺー]{2,}" if language in ("ja", "zh") else r"[^\W\d_]{3,}"
    return set(re.findall(pattern, name.lower())) - set(FUNCTION_WORDS[language].split())


def uri(language: str, kind: str, name: str) -> str:
    """``fr/keyword/chat_noir``: what would break a URI or a line of a file is percent-encoded."""
    for sign in "%/\t":
        name = name.replace(sign, f"%{ord(sign):02X}")
    return f"{language}/{kind}/{_spaces(name).replace(' ', '_')}"


def _spaces(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _json(packages: Path, name: str):
    return json.loads((packages / "emojibase-data" / f"{name}.json").read_text("utf-8"))


def _records(packages: Path, language: str) -> list[dict]:
    return _json(packages, f"{language}/data")


def _group_names(packages: Path, language: str) -> list[dict[int, str]]:
    """Number -> name in the language, of groups and of subgroups."""
    messages, meta = _json(packages, f"{language}/messages"), _json(packages, "meta/groups")
    tables = []
    for kind in ("groups", "subgroups"):
        name = {entry["key"]: entry["message"] for entry in messages[kind]}
        tables.append({int(i): _spaces(name[key]) for i, key in meta[kind].items()})
    return tables
