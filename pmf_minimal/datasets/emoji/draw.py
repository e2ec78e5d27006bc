"""Draws emoji from icon packages, and turns the drawings into features and display sheets.

Used by ``emoji_build.py`` alone. Nothing here is needed to read the finished data.
"""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pmf_minimal.datasets.emoji import TILE
from pmf_minimal.datasets.emoji.facts import plain
from pmf_minimal.datasets.extras import extra
from pmf_minimal.datasets.vision import efficientnet, embed

with extra("build"):
    import resvg_py
    from PIL import Image

PACKAGES = {"twemoji": "twemoji", "noto": "noto", "fluent": "fluent-emoji-flat"}
DRAWN = 128  # pixels
MIRRORED = {"1F449": "backhand-index-pointing-right"}  # icon sets list no codes for mirror images
BLACK_OR_WHITE = {"#000", "#000000", "#fff", "#ffffff"}
ALIKE = {"aws", "alt", "classic", "dark", "horizontal", "light", "mono", "monochrome", "old", "vertical", "wordmark"}
EMOJI_LIKE = """
    arangodb-icon bigpanda broccoli codeigniter-icon firebase-icon firecrawl-icon flat-ui fresh glamorous-icon hono
    hugging-face-icon linux-tux nightwatch octopus-deploy panda pepperoni pinia pug pumpkindb sketch testing-library zod
"""  # avocado, broccoli, face, fire, gem, lemon, lipstick, octopus, owl, panda, penguin, pineapple, pizza, pug, pumpkin
THREADS = 1  # fixed, because sums in another order differ in their last bits


class Vendor:
    """One vendor's emoji as SVG.

    Args:
        packages: folder of unpacked npm packages.
        name: ``twemoji``, ``noto`` or ``fluent``.
    """

    def __init__(self, packages: Path, name: str):
        folder = packages / "@iconify-json" / PACKAGES[name]
        self.name = name
        self.icons = json.loads((folder / "icons.json").read_text("utf-8"))
        chars = json.loads((folder / "chars.json").read_text("utf-8"))
        self.chars = {plain(code.upper()): icon for code, icon in chars.items()}

    def svg(self, code: str) -> str | None:
        """The drawing of an emoji, given by its plain code (see ``emoji_facts.plain``), or None."""
        icon = self.chars.get(code, MIRRORED.get(code))
        alias = self.icons.get("aliases", {}).get(icon, {})
        data = self.icons["icons"].get(alias.get("parent", icon))
        if data is None:
            return None
        if set(alias) - {"parent", "hFlip"}:
            raise ValueError(f"{self.name}: icon {icon} is an alias of an unknown kind: {alias}")
        width, height = (data.get(side, self.icons[side]) for side in ("width", "height"))
        body = data["body"]
        if alias.get("hFlip"):
            body = f'<g transform="translate({width} 0) scale(-1 1)">{body}</g>'
        return _square(body, width, height)


def logos(packages: Path) -> dict[str, str]:
    """Logos that no emoji looks like, name -> SVG.

    Left out are: those that are wide or high, mostly words; black and white ones; versions of another logo; the many
    services of one firm in one style; and those that show what an emoji shows.
    """
    data = json.loads((packages / "@iconify-json" / "logos" / "icons.json").read_text("utf-8"))
    svgs = {}
    for name, icon in sorted(data["icons"].items()):
        width, height = (icon.get(side, data[side]) for side in ("width", "height"))
        coloured = set(re.findall(r"#[0-9a-f]{3,6}\b", icon["body"].lower())) - BLACK_OR_WHITE
        if max(width, height) > 1.5 * min(width, height) or not coloured or icon.get("hidden"):
            continue
        if not ALIKE.intersection(name.split("-")) and name not in EMOJI_LIKE.split():
            svgs[name] = _square(icon["body"], width, height)
    return svgs


def _square(body: str, width: float, height: float) -> str:
    edge = max(width, height)  # a drawing that is not square keeps its shape on a square
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{edge}" height="{edge}" viewBox="0 0 {width} {height}">{body}</svg>'
    )


def draw(svg: str, edge: int, background: str | None = None) -> Image.Image:
    """An RGBA picture of ``edge`` times ``edge`` pixels; without a background it is transparent."""
    png = resvg_py.svg_to_bytes(svg_string=svg, background=background, width=edge, height=edge, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def features(drawings: dict[str, dict[str, str]]) -> dict[str, dict[str, np.ndarray]]:
    """Features of drawings on white, by EfficientNet-Lite0: set -> code -> float64 ``[1280]``.

    Args:
        drawings: a vendor or another set of pictures -> code -> SVG.
    """
    torch.set_num_threads(THREADS)
    keys = [(name, code) for name, svgs in drawings.items() for code in svgs]
    bar = tqdm(keys, desc="image features", unit="picture")
    pictures = (draw(drawings[name][code], DRAWN, "#ffffff").convert("RGB") for name, code in bar)
    rows = embed(pictures, efficientnet()).double().numpy()
    table = {name: {} for name in drawings}
    for (name, code), row in zip(keys, rows, strict=True):
        table[name][code] = row
    return table


class Projection:
    """The principal components of all emoji pictures of all vendors together; no label and no pair is used.

    Args:
        features: vendor -> code -> float64 ``[1280]``.
        width: number of components kept.
    """

    def __init__(self, features: dict[str, dict[str, np.ndarray]], width: int):
        x = torch.from_numpy(np.stack([row for table in features.values() for row in table.values()]))
        self.mean = x.mean(dim=0)
        x = x - self.mean
        _, axes = torch.linalg.eigh(x.T @ x)  # ascending, so the strongest axes are the last ones
        axes = axes[:, -width:].flip(1)
        self.axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()  # a sign for good

    def __call__(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """code -> float64 ``[1280]`` becomes code -> float16 ``[width]``."""
        x = torch.from_numpy(np.stack(list(features.values()))) - self.mean
        return dict(zip(features, (x @ self.axes).numpy().astype(np.float16), strict=True))


def write_sheet(path: Path, svgs: dict[str, str], tiles: dict[str, int]) -> None:
    """Draw all pictures into one WebP sheet.

    Args:
        path: file to write.
        svgs: code -> SVG.
        tiles: code -> number of its tile, counted along the rows.
    """
    columns = math.ceil(math.sqrt(len(svgs)))
    rows = math.ceil(len(svgs) / columns)
    sheet = Image.new("RGBA", (columns * TILE, rows * TILE))
    for code, svg in tqdm(svgs.items(), desc=path.stem, unit="picture"):
        row, column = divmod(tiles[code], columns)
        sheet.paste(draw(svg, TILE), (column * TILE, row * TILE))
    sheet.save(path, "WEBP", quality=80, alpha_quality=90, method=6)
