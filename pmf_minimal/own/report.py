"""A page to look at: what an alignment found, how far to rely on it, why each match was made, and a review of the matches.

It is one HTML file that needs no network and no server. Names, values and ids come from files that anyone may have written: they
are in the page as JSON, in which nothing can end its element, and the script shows them as text alone. The page's policy
lets the browser run that one script and no other, and fetch nothing. What a person accepts and rejects is saved as ``seeds.csv``,
known pairs for the next run.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import string
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from pmf_minimal.datasets.escape import one_line, printable
from pmf_minimal.errors import NotWritable
from pmf_minimal.runs.files import move_into_place

if TYPE_CHECKING:
    from PIL import Image

    from pmf_minimal.own.alignment import Alignment

#: Side (``left`` or ``right``) and URI of an entity -> what its file says of it, or its picture.
Describe = Callable[[str, str], Mapping[str, Iterable]]
Picture = Callable[[str, str], "str | Path | Image.Image | None"]

TEMPLATE = Path(__file__).with_name("page")
ENDINGS = (".html", ".htm")
MARK = "<title>Alignment report</title>"  # by which a page of ours is known
SIDES = ("left", "right")
# What is shown of one entity; how much more there is, the page says.
ATTRIBUTES, VALUES, LETTERS = 40, 12, 400
EDGE = 144  # pixels of a picture
BLOCK = 100  # matches whose values the page reads at once
MOST = 12_000_000  # characters of values and pictures in one page; the hardest matches come first
# In JSON these letters occur inside strings only, where an escape means the same.
ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def check(path: Path) -> None:
    """Tell before the work, not after it, that no report could be written there.

    Raises:
        NotWritable: the name does not end in .html, so that it may be a file of data, its folder cannot be made or may not be
            written to, or a file of somebody else is there.
    """
    if path.suffix.lower() not in ENDINGS or "\0" in str(path) or os.path.isdir(path):
        raise NotWritable(f"{path}: no name for a report; give one that ends in .html")
    for place in (path, _part(path)):
        if os.path.lexists(place) and not _is_ours(place):
            raise NotWritable(f"{place}: is there already, and is no report of an alignment; name another file")
    missing = [folder for folder in (path.parent, *path.parent.parents) if not os.path.lexists(folder)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _part(path).open("wb").close()
        _part(path).unlink()
    except OSError as error:  # no right to write there, or a name that is too long
        raise NotWritable(f"{path}: cannot be written ({error.strerror}); name another place") from None
    finally:  # it may be the folder of the results, which must be new
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _part(path: Path) -> Path:
    """Where the page is written before it takes its name."""
    return path.with_name(path.name + ".part")


def _is_ours(path: Path) -> bool:
    """Whether a file is a page of ours; one that is empty is what a process left that was killed before it wrote."""
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    try:
        with path.open("rb") as file:
            start = file.read(4000)
    except OSError:
        return False
    return not start or MARK.encode() in start


@dataclass
class Subject:
    """What an alignment is about, for its page.

    Attributes:
        title: what the page calls it, such as ``left.ttl and right.ttl``.
        sizes: entities of the left graph and of the right one.
        notes: sentences on what was left out.
        describe: attributes of an entity and their values.
        picture: image file or Pillow image of an entity, None where there is none.
        rejected: pairs of ids, left and right, that were known not to match.
    """

    title: str
    sizes: tuple[int, int]
    notes: Iterable[str] = ()
    describe: Describe = lambda side, uri: {}
    picture: Picture = lambda side, uri: None
    rejected: Iterable[Sequence[str]] = ()


def write(alignment: Alignment, path: str | Path, subject: Subject) -> None:
    """Write the page of an alignment, and make its folder; an older report of that name is replaced.

    Raises:
        NotWritable: see :func:`check`, or the disk is full.
        DataError: an image file cannot be read.
    """
    path = Path(path)
    check(path)
    text = page(alignment, subject)
    part = _part(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(text.encode())
        move_into_place(part, path)
    except OSError as error:
        with suppress(OSError):  # a disk that takes nothing more may not let go of anything either
            part.unlink(missing_ok=True)
        raise NotWritable(f"{path}: cannot be written ({error.strerror or error}); name another place") from None


def page(alignment: Alignment, subject: Subject) -> str:
    """The page's HTML."""
    order, words = hardest_first(alignment), {}
    blocks, described = _blocks(alignment, order, lambda side, uri: _record(subject, side, uri, words))
    facts = _facts(alignment, subject) | {"order": order.tolist(), "words": list(words)}
    facts |= {"described": described, "block": BLOCK}
    data = [_element("data", facts), *(_element(f"details-{k}", block) for k, block in enumerate(blocks))]
    style, script = ((TEMPLATE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    return string.Template((TEMPLATE / "page.html").read_text("utf-8")).substitute(
        style=style, script=script, style_hash=_hash(style), script_hash=_hash(script), data="\n".join(data)
    )


def hardest_first(alignment: Alignment) -> np.ndarray:
    """int64 ``[M]``, rows of the matches: first those where a person's word tells most.

    They are nearest to a probability of one half; without probabilities nearest to the score from which on matches are
    kept, or to the best one if none are. Of equal ones the lowest score comes first.
    """
    matches = alignment.matches
    if "probability" in matches:
        doubt = (matches["probability"] - 0.5).abs()
    else:
        kept = alignment.kept.loc[~alignment.kept["known"], "score"]
        doubt = (matches["score"] - (kept.min() if len(kept) else matches["score"].max())).abs()
    return np.lexsort((matches["score"], doubt))


def _facts(alignment: Alignment, subject: Subject) -> dict:
    """All that the page needs at once: counts, estimates, and the matches column by column."""
    matches = alignment.matches
    parts = [column for column in matches if column.startswith("from ")]
    columns = {f"{side}_uri": [printable(uri) for uri in matches[f"{side}_uri"]] for side in SIDES}
    columns |= {f"{side}_name": [one_line(name, LETTERS) for name in matches[f"{side}_name"]] for side in SIDES}
    columns["known"] = matches["known"].astype(int).tolist()
    columns["kept"] = matches.index.isin(alignment.kept.index).astype(int).tolist()
    columns |= {column: _numbers(matches[column]) for column in ("score", "evidence")}
    # With all digits: what is nearly certain is not called certain.
    columns |= {column: _numbers(matches[column], 17) for column in ("probability", "precision") if column in matches}
    return {
        "title": printable(subject.title),
        "entities": subject.sizes,
        "asked": alignment.precision,
        "notes": [printable(note) for note in subject.notes],
        "rejected": [[printable(uri) for uri in pair] for pair in subject.rejected],
        "thresholds": {column: _numbers(values, 17) for column, values in alignment.thresholds.items()},
        "modalities": [printable(column.removeprefix("from ")) for column in parts],
        "matches": columns | {"parts": [_numbers(matches[column]) for column in parts]},
    }


def _numbers(values: Iterable[float], digits: int = 5) -> list[float | None]:
    """So many digits of each; what is not finite, which JSON does not have, becomes None."""
    return [float(f"{x:.{digits}g}") if np.isfinite(x) else None for x in map(float, values)]


def _blocks(
    alignment: Alignment, order: np.ndarray, record: Callable[[str, str], list]
) -> tuple[list[list[list]], int]:
    """The records of both entities of the matches in this order, by blocks, and of how many matches they are."""
    columns = [(side, alignment.matches[f"{side}_uri"].to_numpy()) for side in SIDES]
    blocks, size, described = [], 0, 0
    # What a notebook writes to stderr counts as a warning when the book is built.
    out = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    for row in tqdm(order, desc="report", unit="match", leave=False, delay=2, file=out):
        both = [record(side, uris[row]) for side, uris in columns]
        size += len(json.dumps(both, ensure_ascii=False))
        if size > MOST:
            break
        if described % BLOCK == 0:
            blocks.append([])
        blocks[-1].append(both)
        described += 1
    return blocks, described


def _record(subject: Subject, side: str, uri: str, words: dict[str, int]) -> list:
    """Values and picture of an entity: each attribute's number in ``words``, its first values, and how many more it has."""
    values = []
    for attribute, found in list(subject.describe(side, uri).items())[:ATTRIBUTES]:
        found = [one_line(str(value), LETTERS) for value in found]
        number = words.setdefault(one_line(str(attribute), LETTERS), len(words))
        values.append([number, found[:VALUES], len(found[VALUES:])])
    return [values, _data_uri(subject.picture(side, uri))]


def _data_uri(picture: str | Path | Image.Image | None) -> str | None:
    """A small copy of the picture, as an address that holds it."""
    if picture is None:
        return None
    if isinstance(picture, str | Path):
        from pmf_minimal.datasets import vision  # image files alone need its extra

        picture = vision.read_picture(Path(picture))
    small, buffer = picture.copy(), io.BytesIO()
    small.thumbnail((EDGE, EDGE))
    small.save(buffer, format="webp", quality=75)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _element(name: str, value) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f'<script type="application/json" id="{name}">{text.translate(ESCAPES)}</script>'


def _hash(text: str) -> str:
    """What the page's policy knows a script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
