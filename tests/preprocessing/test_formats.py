"""Formats: what is read, what is refused with advice, and what an icon may hold."""

import io
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, features

from refnet.errors import ImageError
from refnet.preprocessing import formats
from refnet.preprocessing.decode import decode
from refnet.preprocessing.formats import DECODERS, OTHERS, recognise

NOISE = np.random.default_rng(9).integers(0, 256, (12, 16, 3), dtype=np.uint8)
RAMP = (np.add.outer(np.arange(12) * 5, np.arange(16) * 3)[..., None] + [0, 20, 40]).astype(np.uint8)
ORIENTATION = 0x0112


def encode(image, kind, **options):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def photoshop(picture):
    """A PSD of one flat picture."""
    height, width, _ = picture.shape
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, height, width, 8, 3) + bytes(12)
    return head + b"\0\0" + picture.transpose(2, 0, 1).tobytes()


LOSSLESS = {
    "JPEG 2000": encode(NOISE, "JPEG2000"),
    "JPEG 2000 bare": encode(NOISE, "JPEG2000", no_jp2=True),
    "ICO": encode(np.dstack([NOISE, np.full((12, 16), 255, np.uint8)]), "ICO", sizes=[(16, 12)]),
    "TGA": encode(NOISE, "TGA"),
    "TGA packed": encode(NOISE, "TGA", compression="tga_rle"),
    "PCX": encode(NOISE, "PCX"),
    "SGI": encode(NOISE, "SGI"),
    "DDS": encode(NOISE, "DDS"),
    "PSD": photoshop(NOISE),
    "QOI": b"qoif" + struct.pack(">IIBB", 16, 12, 3, 0) + b"".join(b"\xfe" + bytes(p) for p in NOISE.reshape(-1, 3))
    + bytes(7) + b"\1",
}  # fmt: skip
FILES = dict(LOSSLESS)
if features.check("avif"):  # Pillow 11.3; before, its message is tested below all the same
    FILES["AVIF"] = encode(RAMP, "AVIF", quality=100)


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless(name):
    assert np.array_equal(decode(FILES[name], name), NOISE)


def test_other_kinds_of_pixels():
    grey, palette = NOISE[..., 0], Image.fromarray(NOISE).quantize(16)
    assert np.array_equal(decode(encode(grey, "TGA"), ""), grey[..., None].repeat(3, axis=2))
    assert np.array_equal(decode(encode(palette, "TGA"), ""), np.asarray(palette.convert("RGB")))
    assert np.array_equal(decode(encode(palette, "PCX"), ""), np.asarray(palette.convert("RGB")))
    clear = np.dstack([NOISE, np.zeros((12, 16), np.uint8)])
    assert decode(encode(clear, "TGA"), "").min() == 255


@pytest.mark.skipif(not features.check("avif"), reason="a Pillow without AVIF: the advice is tested below")
def test_avif():
    assert np.abs(decode(FILES["AVIF"], "").astype(int) - RAMP).max() <= 6
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = decode(encode(RAMP, "AVIF", quality=100, exif=exif), "")
    assert np.abs(turned.astype(int) - np.rot90(RAMP, -1)).max() <= 6


def test_a_decoder_that_this_pillow_lacks(monkeypatch):
    avif = b"\0\0\0\x20ftypavif" + bytes(50)
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    with pytest.raises(ImageError, match=r"^x: a picture in AVIF, for which is needed Pillow 11.3 or later: pip inst"):
        decode(avif, "x")
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(ImageError, match="a picture in WebP, for which is needed a Pillow that was built with WebP"):
        decode(b"RIFF\0\0\0\0WEBP", "x")


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"mif1", b"msf1"])
def test_heic_needs_a_plugin(brand, monkeypatch):
    data = b"\0\0\0\x18ftyp" + brand + bytes(4) + b"mif1heic" + bytes(40)
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    with pytest.raises(ImageError) as caught:
        decode(data, "IMG_1.HEIC")
    assert str(caught.value) == (
        "IMG_1.HEIC: a picture in HEIC, for which is needed pillow-heif: pip install pillow-heif; "
        "or save it as PNG or JPEG"
    )
    plugin = SimpleNamespace(HeifImageFile=lambda file: Image.fromarray(NOISE))
    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(as_plugin=plugin))
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", plugin)
    assert np.array_equal(decode(data, "IMG_1.HEIC"), NOISE)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page: download the picture that it shows"),
        (b"\n  <html lang='en'>", "a web page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "a drawing (SVG), without pixels"),
        (b"<svg>", "a drawing (SVG)"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b'{"message": "Not Found"}', "text, maybe JSON that says why"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "the pointer that Git LFS leaves"),
        (b"%PDF-1.7\n", "a PDF document: save its page as PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "EPS, a program that Pillow would run by Ghostscript"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "WMF or EMF"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x18ftypmp42" + bytes(40), "a video"),
        (b"icns\0\0\1\0", "ICNS"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"\x93NUMPY\1\0", "a NumPy array: pass np.load(file)"),
        (b"PK\3\4" + bytes(40), "an archive or weights; a model goes with -m"),
        (b"\x89HDF\r\n\x1a\n", "an archive or weights"),
    ],
)
def test_what_people_take_for_a_picture(data, message):
    with pytest.raises(ImageError) as caught:
        recognise(data, "cat.jpg")
    assert str(caught.value).startswith(f"cat.jpg: not a picture, but {message}")


def test_every_format_is_tried_here_or_with_the_old_ones():
    old = {"PNG", "JPEG", "WebP", "GIF", "BMP", "TIFF", "PPM"}
    assert {recognise(data, name) for name, data in FILES.items()} | old | {"AVIF", "HEIC"} == set(DECODERS)
    assert len(OTHERS) == 14


@pytest.mark.parametrize("name", FILES)
def test_cut_short_or_damaged(name):
    """A picture or an error, and never another error or a picture of another size than the head says."""
    data, rng = FILES[name], np.random.default_rng(3)
    lengths = {*range(0, len(data), max(1, len(data) // 30)), *range(len(data) - 9, len(data))}
    changed = []
    for _ in range(40):
        wrong = bytearray(data)
        wrong[rng.integers(min(len(data), 120))] = rng.integers(256)
        changed.append(bytes(wrong))
    for case in [data[:length] for length in lengths] + changed:
        try:
            picture = decode(case, name)
        except ImageError:
            continue
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert picture.size <= 3 << 26


class TestIcons:
    def icon(self, inner, claimed=(16, 16)):
        head = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", *claimed, 0, 0, 1, 32, len(inner), 22)
        return head + inner

    def test_a_picture_larger_than_it_says_is_refused_before_it_is_decoded(self):
        bomb = encode(Image.new("1", (3000, 3000)), "PNG")
        with pytest.raises(ImageError, match=r"^x: an icon of 3000 x 3000 pixels; want at most 2048 a side"):
            decode(self.icon(bomb), "x")
        bitmap = struct.pack("<IiiHHIIiiII", 40, 60000, -60000, 1, 24, 1, 0, 0, 0, 0, 0)
        with pytest.raises(ImageError, match="an icon of 60000 x 60000 pixels"):
            decode(self.icon(bitmap), "x")

    def test_the_largest_is_taken(self):
        data = encode(Image.new("RGB", (64, 64), "red"), "ICO", sizes=[(16, 16), (64, 64), (32, 32)])
        assert decode(data, "").shape == (64, 64, 3)


def test_nothing_but_the_named_decoders_is_imported():
    assert {known.module.partition(".")[0] for known in DECODERS.values()} == {"PIL", "pillow_heif"}
    assert not {"EpsImagePlugin", "WmfImagePlugin"} & {known.module.rpartition(".")[2] for known in DECODERS.values()}
    assert formats.HEAD == 512
