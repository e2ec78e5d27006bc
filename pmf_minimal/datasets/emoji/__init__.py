"""The emoji graphs that come with the package: where they lie, whether they are whole, and their pictures.

The data card (``book/data_card.md``) says what the graphs hold; ``emoji_build.py`` makes them.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pmf_minimal.datasets import faults
from pmf_minimal.datasets.extras import extra
from pmf_minimal.errors import DataError
from pmf_minimal.graphs import GraphPair

if TYPE_CHECKING:
    from PIL import Image  # only the pictures need it, not the features

DATA = Path(__file__).parents[1] / "data" / "emoji"
SUMS = "SHA256SUMS"
MEND = "get the file again, or build the data anew with `python -m pmf_minimal.datasets.emoji.build`"

PAIRS = {pair: tuple(pair.split("_")) for pair in ("fr_en", "ja_en", "zh_en", "de_en")}
VENDORS = {"en": "twemoji", "fr": "noto", "zh": "noto", "ja": "fluent", "de": "fluent"}
TILE = 64  # edge of a display picture in pixels


def verify(folder: str | Path) -> None:
    """Check that the data are what was published, by the SHA-256 of every file.

    Args:
        folder: the folder of all emoji data, or the folder of one pair in it; only what lies
            below it is read, so checking one pair takes a few milliseconds.

    Raises:
        DataError: a file is missing or differs from what was recorded; the message names it.
    """
    folder = Path(folder)
    root = folder if os.path.isfile(folder / SUMS) else folder.parent
    below = "" if root == folder else f"{folder.name}/"
    _check(root, [name for name in _recorded(root) if name.startswith(below)])


def _recorded(root: Path) -> dict[str, str]:
    """File name below ``root`` -> SHA-256 in hexadecimal, as SHA256SUMS lists them."""
    path = root / SUMS
    if not os.path.isfile(path):
        raise DataError(f"{path}: this list of checksums is missing; {MEND}")
    try:
        lines = path.read_text("utf-8").splitlines()
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except ValueError:
        raise DataError(f"{path}: not a list of checksums; {MEND}") from None


def _check(root: Path, names: list[str]) -> None:
    recorded = _recorded(root)
    if not names:
        raise DataError(f"{root / SUMS}: it lists nothing for this folder; {MEND}")
    for name in names:
        path = root / name
        if name not in recorded or not os.path.isfile(path):
            raise DataError(f"{path}: this file is missing; {MEND}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != recorded[name]:
            raise DataError(f"{path}: the file is damaged or was changed; {MEND}")


def pictures(pair: str | GraphPair, root: str | Path = DATA) -> Pictures:
    """The display pictures of both graphs of a pair.

    Args:
        pair: ``fr_en``, ``ja_en``, ``zh_en`` or ``de_en``, with or without ``emoji/`` before it; or the graphs
            themselves: if their pictures are spoilt (see ``faults.corrupt``), what is shown is what was put there.
        root: folder of the emoji data.

    Raises:
        DataError: no such pair, or a picture file is missing or damaged.
    """
    name = pair if isinstance(pair, str) else pair.name
    languages = PAIRS.get(name.removeprefix("emoji/").partition("+")[0])
    if languages is None:
        raise DataError(f"no emoji pair {name!r}; there are {', '.join(PAIRS)}")
    if isinstance(pair, str) or "image" not in pair.get("faults", {}):
        return Pictures(languages, Path(root))
    return SpoiltPictures(pair, languages, Path(root))


def logos(root: str | Path = DATA) -> Logos:
    """The pictures from outside the emoji world that hard foreign features come from.

    Raises:
        DataError: a file is missing or damaged.
    """
    return Logos(Path(root) / "logos")


class Pictures:
    """Display pictures by entity URI: ``pictures("fr_en")["en/emoji/hedgehog"]``.

    Indexing gives an RGBA image of ``TILE`` times ``TILE`` pixels with a transparent background, or
    None where the entity has no picture: the vendor draws none, or it is a keyword or a group.
    """

    def __init__(self, languages: tuple[str, ...], root: Path = DATA):
        sheets = [f"pictures/{VENDORS[language]}.webp" for language in languages]
        tables = [f"pictures/{language}.tsv" for language in languages]
        _check(root, sheets + tables)
        self._place = {}
        for sheet, table in zip(sheets, tables, strict=True):
            for line in (root / table).read_text("utf-8").splitlines():
                uri, tile = line.split("\t")
                self._place[uri] = (root / sheet, int(tile))

    def __getitem__(self, uri: str) -> Image.Image | None:
        if uri not in self._place:
            return None
        path, tile = self._place[uri]
        return _tile(path, tile)

    get = __getitem__

    def __contains__(self, uri: str) -> bool:
        return uri in self._place

    def __len__(self) -> int:
        """Number of entities of both graphs that have a picture."""
        return len(self._place)

    def __repr__(self) -> str:
        return f"Pictures({len(self)} entities, {TILE} px)"


class SpoiltPictures(Pictures):
    """As :class:`Pictures`, with what ``faults.corrupt`` has done: nothing for a missing picture, a logo or coloured
    noise for a foreign one, the other entity's for a swapped one, its own for a noisy one.
    """

    def __init__(self, graphs: GraphPair, languages: tuple[str, ...], root: Path = DATA):
        super().__init__(languages, root)
        self._logos = logos(root)
        self._uris = graphs.uris
        record = zip(graphs.uris, graphs.faults["image"].tolist(), graphs.donor["image"].tolist(), strict=True)
        self._record = {uri: (fault, donor) for uri, fault, donor in record if fault}

    def __getitem__(self, uri: str) -> Image.Image | None:
        fault, donor = self._record.get(uri, (faults.WHOLE, -1))
        if fault == faults.MISSING:
            return None
        if fault == faults.SWAPPED:
            return super().__getitem__(self._uris[donor])
        if fault == faults.FOREIGN:
            return self._logos[donor] if donor >= 0 else _noise(uri)
        return super().__getitem__(uri)

    get = __getitem__


class Logos:
    """Logos by number: ``logos()[7]`` is an RGBA image of ``TILE`` times ``TILE`` pixels.

    Attributes:
        features: float16 ``[n, 64]``, made as those of the emoji, with the emoji's own principal components.
        names: n strings.
    """

    def __init__(self, folder: Path):
        verify(folder)
        with np.load(folder / "images.npz", allow_pickle=False) as data:
            self.features = data["features"]
        self.names = [line.split("\t")[1] for line in (folder / "names.tsv").read_text("utf-8").splitlines()]
        self._sheet = folder / "sheet.webp"

    def __getitem__(self, number: int) -> Image.Image:
        if not 0 <= number < len(self):
            raise IndexError(f"there is no logo {number}; they are numbered from 0 to {len(self) - 1}")
        return _tile(self._sheet, number)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Logos({len(self)}, {TILE} px)"


def _tile(path: Path, number: int) -> Image.Image:
    sheet = _sheet(path)
    row, column = divmod(number, sheet.width // TILE)
    x, y = column * TILE, row * TILE
    return sheet.crop((x, y, x + TILE, y + TILE))


def _noise(uri: str) -> Image.Image:
    """Dots of all colours, stands for a feature that no picture has."""
    with extra("book"):
        from PIL import Image
    dots = np.random.default_rng(list(uri.encode())).integers(0, 256, (TILE // 4, TILE // 4, 3), dtype=np.uint8)
    return Image.fromarray(dots).convert("RGBA").resize((TILE, TILE), Image.Resampling.NEAREST)


@lru_cache(maxsize=4)
def _sheet(path: Path) -> Image.Image:
    with extra("book"):
        from PIL import Image
    return Image.open(path).convert("RGBA")
