import io
import struct
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

import refnet.preprocessing.decode
from refnet.errors import ImageError
from refnet.preprocessing.decode import MAX_PIXELS, MIN_SIDE, decode, over_white, to_rgb
from refnet.preprocessing.formats import recognise

RNG = np.random.default_rng(224)
ORIENTATION = 0x0112

SMOOTH = (np.add.outer(np.arange(24) * 5, np.arange(32) * 3)[..., None] + [0, 20, 40]).astype(np.uint8)
NOISE = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)


def encode(image, kind, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height):
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


FILES = {
    "PNG": encode(NOISE, "PNG"),
    "PNG smooth": encode(SMOOTH, "PNG"),
    "PNG palette": encode(Image.fromarray(NOISE).quantize(16), "PNG"),
    "JPEG": encode(SMOOTH, "JPEG"),
    "JPEG progressive": encode(NOISE, "JPEG", progressive=True),
    "WebP": encode(SMOOTH, "WEBP"),
    "WebP lossless": encode(NOISE, "WEBP", lossless=True),
    "GIF": encode(Image.fromarray(NOISE).quantize(64), "GIF"),
    "BMP": encode(SMOOTH, "BMP"),
    "TIFF": encode(NOISE, "TIFF"),
    "TIFF LZW": encode(NOISE, "TIFF", compression="tiff_lzw"),
    "TIFF JPEG": encode(SMOOTH, "TIFF", compression="jpeg"),
    "PPM": encode(NOISE, "PPM"),
    "PGM text": b"P2\n4 4\n255\n" + b"255 177 77 7\n" * 4,  # a last number of one digit cannot be cut
}


@pytest.mark.parametrize("name", ["PNG", "WebP lossless", "TIFF", "TIFF LZW", "PPM"])
def test_lossless_formats(name):
    picture = decode(FILES[name], name)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert np.array_equal(picture, NOISE)


@pytest.mark.parametrize(("name", "distance"), [("BMP", 0), ("JPEG", 6), ("WebP", 16), ("TIFF JPEG", 16)])
def test_other_formats(name, distance):
    picture = decode(FILES[name], name)
    assert np.abs(picture.astype(int) - SMOOTH).max() <= distance


def test_every_format_is_recognised():
    assert {recognise(data, name) for name, data in FILES.items()} == {name.split()[0] for name in FILES} - {"PGM"} | {
        "PPM"
    }


# Modes


def test_grey():
    assert np.array_equal(decode(encode(NOISE[..., 0], "PNG"), ""), NOISE[..., :1].repeat(3, axis=2))


def test_one_bit():
    bits = NOISE[..., 0] > 127
    picture = decode(encode(Image.fromarray(bits), "PNG"), "")
    assert np.array_equal(picture, (bits * np.uint8(255))[..., None].repeat(3, axis=2))


def test_palette():
    image = Image.fromarray(NOISE).quantize(16)
    assert np.array_equal(decode(encode(image, "PNG"), ""), np.asarray(image.convert("RGB")))
    assert np.array_equal(decode(encode(image, "GIF"), ""), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_keeps_the_upper_byte(kind, order):
    grey = np.array([[0, 255, 256, 511], [32767, 32768, 65279, 65280], [65535] * 4, [4660] * 4], np.uint16)
    if kind == "TIFF" and order == ">":
        image = Image.frombytes("I;16B", (4, 4), grey.astype(">u2").tobytes())
    else:
        image = Image.fromarray(grey)
    expected = [[0, 0, 1, 1], [127, 128, 254, 255], [255] * 4, [18] * 4]
    assert decode(encode(image, kind), "")[..., 1].tolist() == expected
    assert to_rgb(image, "")[..., 1].tolist() == expected


def test_over_white_is_rounded_to_nearest():
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
    rgba = np.stack([colour, colour, colour, alpha], axis=2).astype(np.uint8)
    exact = (colour * alpha + 255 * (255 - alpha)) / 255
    assert np.abs(over_white(rgba)[..., 0] - exact).max() < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 1), (1, 7), (4, 6)])
def test_over_white_is_the_same_in_any_bands(monkeypatch, shape):
    rgba = RNG.integers(0, 256, (*shape, 4), dtype=np.uint8)
    wide = rgba.astype(int)
    expected = (wide[..., :3] * wide[..., 3:] + 255 * (255 - wide[..., 3:]) + 127) // 255
    for band in (1, 5, 24, 1000):
        monkeypatch.setattr(refnet.preprocessing.decode, "BAND", band)
        picture = over_white(rgba)
        assert (picture.dtype, picture.shape) == (np.uint8, (*shape, 3))
        assert np.array_equal(picture, expected)
        assert np.array_equal(over_white(rgba.swapaxes(0, 1)), expected.swapaxes(0, 1))


@pytest.mark.parametrize("shape", [(2000, 2000), (4, 1_000_000)])
def test_over_white_needs_little_more_than_the_picture(shape):
    rgba = np.full((*shape, 4), 99, np.uint8)
    tracemalloc.start()
    try:
        picture = over_white(rgba)
        assert tracemalloc.get_traced_memory()[1] < picture.nbytes + 40 * refnet.preprocessing.decode.BAND
    finally:
        tracemalloc.stop()


def test_rgba_and_la():
    rgba = RNG.integers(0, 256, (9, 8, 4), dtype=np.uint8)
    assert np.array_equal(decode(encode(rgba, "PNG"), ""), over_white(rgba))
    assert np.array_equal(decode(encode(rgba, "TIFF"), ""), over_white(rgba))
    la = Image.merge("LA", [Image.fromarray(rgba[..., c].copy()) for c in (2, 3)])
    assert np.array_equal(decode(encode(la, "PNG"), ""), over_white(rgba[..., [2, 2, 2, 3]]))


def transparent_palette():
    image = Image.new("P", (4, 4))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    image.putdata([0, 1, 2, 3] * 4)
    return image


def test_palette_with_alpha():
    picture = decode(encode(transparent_palette(), "PNG", transparency=bytes([0, 51, 255, 102])), "")
    assert picture[0].tolist() == [[255, 255, 255], [204, 255, 204], [0, 0, 255], [157, 157, 157]]


def test_palette_with_one_transparent_colour():
    for kind in ("PNG", "GIF"):
        picture = decode(encode(transparent_palette(), kind, transparency=2), "")
        assert picture[0].tolist() == [[255, 0, 0], [0, 255, 0], [255, 255, 255], [9, 9, 9]]


def test_transparent_colour_without_alpha():
    grey = np.array([[0, 50, 100, 150]] * 4, np.uint8)
    assert decode(encode(grey, "PNG", transparency=50), "")[0, :, 0].tolist() == [0, 255, 100, 150]
    rgb = np.stack([grey] * 3, axis=2)
    picture = decode(encode(rgb, "PNG", transparency=(100, 100, 100)), "")
    assert picture[0, :, 0].tolist() == [0, 50, 255, 150]
    bits = Image.fromarray(grey > 99)
    assert decode(encode(bits, "PNG", transparency=0), "").min() == 255


def test_cmyk():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    image.paste((255, 0, 0, 51), (0, 0, 16, 8))
    assert decode(encode(image, "TIFF"), "")[[0, 15], 0].tolist() == [[0, 204, 204], [255, 0, 0]]
    jpeg = encode(image, "JPEG", quality=100)
    assert b"Adobe" in jpeg  # and so stored inverted
    picture = decode(jpeg, "").astype(int)
    assert np.abs(picture[[0, 15], 0] - [[0, 204, 204], [255, 0, 0]]).max() <= 3


def test_ycbcr():
    image = Image.fromarray(SMOOTH).convert("YCbCr")
    assert np.array_equal(to_rgb(image, ""), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["I", "F", "LAB", "HSV", "La", "RGBa"])
def test_modes_without_a_meaning_are_refused(mode):
    with pytest.raises(ImageError, match=rf"^x: pixels of mode '{mode}' have no stated range; convert the"):
        to_rgb(Image.new(mode, (8, 8)), "x")


def test_float_file_is_refused():
    with pytest.raises(ImageError, match="pixels of mode 'F'"):
        decode(encode(np.zeros((8, 8), np.float32), "TIFF"), "")


# Orientation: number -> what a viewer does with the stored pixels

TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
    9: lambda a: a,
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_orientation(kind, turn):
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    expected = TURNS[turn](decode(encode(NOISE, kind), ""))
    data = encode(NOISE, kind, exif=exif)
    assert np.array_equal(decode(data, ""), expected)
    assert np.array_equal(to_rgb(Image.open(io.BytesIO(data)), ""), expected)


def test_orientation_of_16_bit_grey():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    grey = RNG.integers(0, 65536, (4, 7), dtype=np.uint16)
    assert np.array_equal(decode(encode(grey, "PNG", exif=exif), "")[..., 0], np.rot90(grey >> 8, -1))


def exif_with_broken_end():
    """One orientation (6), then entries that the block is too short for."""
    entry = struct.pack("<HHII", ORIENTATION, 3, 1, 6)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 9) + entry + b"\x1a\x01"


def test_exif_that_breaks_off():
    stored = decode(encode(NOISE, "JPEG"), "")
    data = encode(NOISE, "JPEG", exif=exif_with_broken_end())
    with pytest.warns(UserWarning, match="Corrupt EXIF data"):
        assert np.array_equal(decode(data, ""), TURNS[6](stored))
    with pytest.raises(ImageError, match=r"^x: the picture is damaged or cut short: Corrupt EXIF data"):
        decode(data, "x")  # warnings are errors here


def test_exif_that_is_none():
    stored = decode(encode(NOISE, "JPEG"), "")
    data = encode(NOISE, "JPEG", exif=b"Exif\0\0rubbish rubbish")
    assert np.array_equal(decode(data, ""), stored)


# Animations


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF"])
def test_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(decode(data, ""), np.asarray(frames[0]))


def test_current_frame_of_a_pil_image():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    with Image.open(io.BytesIO(encode(frames[0], "TIFF", save_all=True, append_images=frames[1:]))) as image:
        image.seek(1)
        assert np.array_equal(to_rgb(image, ""), np.asarray(frames[1]))


# What is no picture, or too much or too little of one


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: the file is empty"),
        (b"hello", "x: not a picture; want one of the formats PNG, JPEG, WebP, GIF, BMP, TIFF, PPM"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "x: not a picture"),
        (b"\x89PNG\r\n\x1a\n", "x: the picture is damaged or cut short: "),
        (b"\xff\xd8\xff", "x: the picture is damaged or cut short: "),
        (b"BM", "x: the picture is damaged or cut short: "),
        (b"II*\0", "x: the picture is damaged or cut short: "),
        (b"P6 9", "x: the picture is damaged or cut short: "),
    ],
)
def test_not_a_picture(data, message):
    with pytest.raises(ImageError) as error:
        decode(data, "x")
    assert str(error.value).startswith(message)
    assert not str(error.value).endswith(": ")


@pytest.mark.parametrize("name", FILES)
def test_cut_short_is_refused_or_complete(name):
    data = FILES[name]
    whole = decode(data, name)
    for length in {*range(0, len(data), max(1, len(data) // 150)), *range(len(data) - 30, len(data))}:
        try:
            picture = decode(data[:length], name)
        except ImageError:
            continue
        # What is missing is a checksum or an end mark, not pixels.
        assert len(data) - length <= 24
        assert np.array_equal(picture, whole)


def test_large_jpeg_cut_short():
    picture = RNG.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}):
        data = encode(picture, "JPEG", quality=95, **options)
        assert len(data) > 1 << 16
        for length in (len(data) // 3, 1 << 16, (1 << 16) + 1, len(data) - 1000, len(data) - 100):
            with pytest.raises(ImageError, match=r"^cat\.jpg: the picture is damaged or cut short: "):
                decode(data[:length], "cat.jpg")


def test_process_wide_leave_to_load_truncated_files_is_refused(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImageError, match="LOAD_TRUNCATED_IMAGES is set"):
        decode(FILES["JPEG"][:-200], "x")


@pytest.mark.parametrize("size", [(8193, 8192), (20000, 20000), (1 << 30, 4)])
def test_huge_picture_is_refused_from_its_header(size):
    data = png_header(*size) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    message = f"^x: {size[0]} x {size[1]} pixels; want at most {MAX_PIXELS} in all: shrink it$"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(ImageError, match=message):
            decode(data, "x")
    assert seen == []


def test_huge_gif_is_refused_from_its_header():
    data = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"
    with pytest.raises(ImageError, match="65535 x 65535 pixels"):
        decode(data, "x")


@pytest.mark.parametrize("size", [(1, 1), (MIN_SIDE - 1, 100), (100, MIN_SIDE - 1)])
def test_tiny_picture_is_refused(size):
    with pytest.raises(ImageError, match=f"^x: {size[0]} x {size[1]} pixels; want at least 4 a side$"):
        decode(encode(Image.new("RGB", size), "PNG"), "x")
    assert decode(encode(Image.new("RGB", (MIN_SIDE, MIN_SIDE)), "PNG"), "x").shape == (MIN_SIDE, MIN_SIDE, 3)


# Whatever the bytes


@given(st.binary(max_size=200), st.sampled_from([b"", *(data[:12] for data in FILES.values())]))
def test_random_bytes(data, head):
    with suppress(ImageError):
        decode(head + data, "x")


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_files(draw):
    data = bytearray(FILES[draw.draw(st.sampled_from(sorted(FILES)))])
    for _ in range(draw.draw(st.integers(1, 5))):
        data[draw.draw(st.integers(0, min(len(data), 400) - 1))] = draw.draw(st.integers(0, 255))
    try:
        picture = decode(bytes(data), "x")
    except ImageError:
        return
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3


def test_threads_and_warning_filters():
    filters = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda _: decode(FILES["PNG"], ""), range(40)))
    assert all(np.array_equal(picture, NOISE) for picture in pictures)
    assert warnings.filters == filters
