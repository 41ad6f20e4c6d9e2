import io
import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from helpers.places import CHELSEA
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from refnet.errors import ImageError, InputError
from refnet.preprocessing.read_image import MAX_BYTES, read_image


@pytest.fixture(scope="module")
def chelsea():
    with Image.open(CHELSEA) as image:
        return np.array(image)


def test_every_kind_of_source_is_the_same_picture(chelsea):
    class Somewhere:
        def __fspath__(self):
            return str(CHELSEA)

    with Image.open(CHELSEA) as image:
        for source in (CHELSEA, str(CHELSEA), Somewhere(), CHELSEA.read_bytes(), image, chelsea):
            assert np.array_equal(read_image(source), chelsea)
    assert read_image(chelsea) is chelsea


@pytest.mark.parametrize("source", [None, 3, [[1, 2], [3, 4]], bytearray(b"x"), io.BytesIO(b"x"), (1, 2)])
def test_other_sources(source):
    with pytest.raises(InputError, match=rf"cannot be {type(source).__name__}; want a path, the bytes"):
        read_image(source)


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    missing = tmp_path / "cat.png"
    with pytest.raises(ImageError, match=r"cat\.png: cannot read the picture: No such file"):
        read_image(missing)
    with pytest.raises(ImageError, match=rf"{tmp_path}: cannot read the picture: "):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="cannot read the picture: embedded null"):
        read_image("cat\0.png")
    missing.write_bytes(b"")
    with pytest.raises(ImageError, match=r"cat\.png: the file is empty"):
        read_image(missing)
    missing.write_text("a cat")
    with pytest.raises(ImageError, match=r"cat\.png: not a picture; want one of"):
        read_image(str(missing))
    missing.write_bytes(CHELSEA.read_bytes()[:5000])
    with pytest.raises(ImageError, match=r"cat\.png: the picture is damaged or cut short: "):
        read_image(missing)
    monkeypatch.setattr("refnet.preprocessing.read_image.MAX_BYTES", 4999)
    with pytest.raises(ImageError, match=r"cat\.png: 5000 bytes; want at most 4999"):
        read_image(missing)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_file_without_an_end(monkeypatch):
    monkeypatch.setattr("refnet.preprocessing.read_image.MAX_BYTES", 4999)
    with pytest.raises(ImageError, match=r"^/dev/zero: cannot read the picture: it is a device; want a regular file$"):
        read_image("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("limit", [MAX_BYTES, CHELSEA.stat().st_size, CHELSEA.stat().st_size - 1])
def test_pipe(tmp_path, monkeypatch, chelsea, limit):
    monkeypatch.setattr("refnet.preprocessing.read_image.MAX_BYTES", limit)
    os.mkfifo(tmp_path / "pipe")

    def write():
        with suppress(BrokenPipeError):
            (tmp_path / "pipe").write_bytes(CHELSEA.read_bytes())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        if limit < CHELSEA.stat().st_size:
            with pytest.raises(ImageError, match=f"pipe: more than {limit} bytes"):
                read_image(tmp_path / "pipe")
        else:
            assert np.array_equal(read_image(tmp_path / "pipe"), chelsea)
    finally:
        writer.join()


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs /proc")
def test_file_that_says_it_is_empty():
    assert Path("/proc/version").stat().st_size == 0
    with pytest.raises(ImageError, match="/proc/version: not a picture"):
        read_image("/proc/version")


def test_file_without_permission(monkeypatch):
    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("refnet.preprocessing.read_image.opening.open_file", closed)
    with pytest.raises(ImageError, match=r"^cat\.png: cannot read the picture: Permission denied$"):
        read_image("cat.png")


def test_message_names_what_was_given():
    with pytest.raises(ImageError, match=r"^the given 5 bytes: not a picture"):
        read_image(b"a cat")
    with pytest.raises(ImageError, match=r"^the given PIL image: 1 x 1 pixels; want at least 4 a side"):
        read_image(Image.new("RGB", (1, 1)))
    with pytest.raises(ImageError, match=r"^the given array: 9 x 3 pixels; want at least 4 a side"):
        read_image(np.zeros((3, 9, 3), np.uint8))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((8, 9), np.uint8), "array of uint8 [8, 9] with values 0..0; want uint8 [H,W,3] "),
        (np.zeros((8, 9), np.uint8), "; for grey pass np.repeat(a[..., None], 3, axis=2)"),
        (np.zeros((8, 9, 1), np.uint8), "; for grey pass np.repeat(a, 3, axis=2)"),
        (np.full((8, 9, 4), 7, np.uint8), "[8, 9, 4] with values 7..7; "),
        (np.zeros((8, 9, 4), np.uint8), "; for transparency pass PIL.Image.fromarray(a)"),
        (np.zeros((3, 8, 9), np.uint8), "; for channels first pass a.transpose(1, 2, 0)"),
        (np.zeros((3, 8, 9), np.float32), "; for channels first pass a.transpose(1, 2, 0)"),
        (np.zeros((1, 8, 9, 3), np.uint8), "; pass several pictures one by one"),
        (np.linspace(0, 1, 192).reshape(8, 8, 3), "array of float64 [8, 8, 3] with values 0.0..1.0; "),
        (np.ones((8, 8, 3), np.float32), "; for values of 0..1 pass (a * 255).round().astype(np.uint8)"),
        (np.ones((8, 8, 3), bool), "; for values of 0..1 pass (a * 255)"),
        (np.full((8, 8, 3), 255.0), "; pass a.round().astype(np.uint8)"),
        (np.ones((8, 8, 3), np.int64), "; pass a.round().astype(np.uint8)"),
        (np.full((8, 8, 3), -2.1), "with values -2.1..-2.1; "),
        (np.full((8, 8, 3), -2.1), "; pass the pixels themselves: the recipe of the weights normalises them"),
        (np.full((8, 8, 3), 256), "; pass the pixels themselves"),
        (np.full((8, 8, 3), np.nan), "with values nan..nan; "),
        (np.zeros((8, 8, 3), complex), "array of complex128 [8, 8, 3]; want"),
        (np.full((8, 8, 3), "x"), "array of <U1 [8, 8, 3]; want"),
        (np.full((8, 8, 3), None), "array of object [8, 8, 3]; want"),
        (np.zeros((0, 8), np.uint8), "array of uint8 [0, 8]; want"),
        (np.zeros(9, np.uint8), "array of uint8 [9] with values 0..0; want"),
        (np.array(3, np.uint8), "array of uint8 [] with values 3..3; want"),
    ],
)
def test_arrays_of_other_kinds(array, message):
    with pytest.raises(InputError) as error:
        read_image(array)
    assert message in str(error.value)


def test_hints_mend(chelsea):
    for array, hint in (
        (chelsea[..., 0], lambda a: np.repeat(a[..., None], 3, axis=2)),
        (chelsea[..., :1], lambda a: np.repeat(a, 3, axis=2)),
        (np.dstack([chelsea, chelsea[..., 0]]), Image.fromarray),
        (chelsea.transpose(2, 0, 1), lambda a: a.transpose(1, 2, 0)),
        (chelsea / np.float32(255), lambda a: (a * 255).round().astype(np.uint8)),
        (chelsea > 99, lambda a: (a * 255).round().astype(np.uint8)),
        (chelsea.astype(float), lambda a: a.round().astype(np.uint8)),
    ):
        with pytest.raises(InputError):
            read_image(array)
        assert read_image(hint(array)).shape == chelsea.shape


@given(st.binary(max_size=300))
def test_random_bytes(data):
    with pytest.raises(ImageError):
        read_image(data)
