"""Write tests/data/pictures.npz: small picture files of many kinds, and how TensorFlow and Keras read them.

    python tools/make_reading_fixtures.py    # in an environment with tensorflow-cpu==2.21.0, keras==3.15.1 and pillow

``file/NAME`` has the bytes of a file, ``tensorflow/NAME`` what ``tf.io.decode_image(…, channels=3)`` makes of them, and
``keras/NAME`` what ``keras.utils.load_img`` does; a reading that fails is not there.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

OUT = Path(__file__).parents[1] / "tests" / "data" / "pictures.npz"
RNG = np.random.default_rng(7)
NOISE = RNG.integers(0, 256, (17, 22, 3), dtype=np.uint8)
RAMP = (np.add.outer(np.arange(17) * 7, np.arange(22) * 4)[..., None] + [0, 20, 40]).astype(np.uint8)
ALPHA = RNG.integers(0, 256, (17, 22), dtype=np.uint8)
ORIENTATION = 0x0112


def encode(image: Any, kind: str, **options: Any) -> bytes:
    """Write a picture file of a kind."""
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def sampled(data: bytes, factors: int) -> bytes:
    """Say that the luminance of a JPEG has other factors, across and down: the same blocks, in another arrangement."""
    at = data.index(b"\xff\xc0") + 11
    return data[:at] + bytes([factors]) + data[at + 1 :]


def jpegs() -> dict[str, bytes]:
    """JPEGs of all kinds."""
    square = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    files = {
        f"{name}-{subsampling}-{kind}.jpg": encode(
            picture, "JPEG", quality=85, subsampling=subsampling, progressive=kind == "progressive"
        )
        for name, picture in (("noise", NOISE), ("ramp", RAMP), ("narrow", np.ascontiguousarray(NOISE[:9, :4])))
        for subsampling in ("4:4:4", "4:2:2", "4:2:0")
        for kind in ("baseline", "progressive")
    }
    files["440.jpg"] = sampled(encode(square, "JPEG", subsampling="4:2:2"), 0x12)
    files["411.jpg"] = sampled(encode(square, "JPEG", subsampling="4:2:0"), 0x41)
    files["grey.jpg"] = encode(NOISE[..., 0], "JPEG")
    files["rgb.jpg"] = encode(NOISE, "JPEG", keep_rgb=True)
    cmyk = Image.frombytes("CMYK", (22, 17), np.dstack([NOISE, ALPHA]).tobytes())
    files["cmyk.jpg"] = encode(cmyk, "JPEG")
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = turn
        files[f"exif{turn}.jpg"] = encode(RAMP, "JPEG", exif=exif)
    return files


def others() -> dict[str, bytes]:
    """Files of all other kinds."""
    palette = Image.fromarray(NOISE).quantize(16)
    grey = NOISE[..., 0]
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    frames = [Image.fromarray(np.roll(NOISE, shift, 0)).quantize(16) for shift in range(3)]
    pages = [Image.fromarray(np.roll(NOISE, shift, 0)) for shift in range(3)]
    return {
        "plain.png": encode(NOISE, "PNG"),
        "exif6.png": encode(NOISE, "PNG", exif=exif),
        "rgba.png": encode(np.dstack([NOISE, ALPHA]), "PNG"),
        "la.png": encode(Image.merge("LA", [Image.fromarray(grey.copy()), Image.fromarray(ALPHA)]), "PNG"),
        "palette.png": encode(palette, "PNG"),
        "palette-alpha.png": encode(palette, "PNG", transparency=bytes(range(0, 256, 16))),
        "palette-clear.png": encode(palette, "PNG", transparency=3),
        "grey-clear.png": encode(grey, "PNG", transparency=int(grey[3, 3])),
        "rgb-clear.png": encode(NOISE, "PNG", transparency=tuple(int(v) for v in NOISE[3, 3])),
        "bit.png": encode(Image.fromarray(grey > 127), "PNG"),
        "grey16.png": encode(RNG.integers(0, 65536, (17, 22), dtype=np.uint16), "PNG"),
        "grey16.tif": encode(RNG.integers(0, 65536, (17, 22), dtype=np.uint16), "TIFF"),
        "dark16.png": encode(RNG.integers(0, 256, (17, 22), dtype=np.uint16), "PNG"),
        "plain.gif": encode(palette, "GIF"),
        "clear.gif": encode(palette, "GIF", transparency=3),
        "frames.gif": encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "pages.tif": encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]),
        "cmyk.tif": encode(Image.frombytes("CMYK", (22, 17), np.dstack([NOISE, ALPHA]).tobytes()), "TIFF"),
        "rgba.tif": encode(np.dstack([NOISE, ALPHA]), "TIFF"),
        "plain.bmp": encode(NOISE, "BMP"),
        "grey.bmp": encode(grey, "BMP"),
        "palette.bmp": encode(palette, "BMP"),
        "bit.bmp": encode(Image.fromarray(grey > 127), "BMP"),
        "plain.webp": encode(NOISE, "WEBP", lossless=True),
        "rgba.webp": encode(np.dstack([NOISE, ALPHA]), "WEBP", lossless=True),
        "plain.ppm": encode(NOISE, "PPM"),
    }


def main() -> None:
    """Write the files and both readings."""
    import keras
    import tensorflow as tf

    arrays: dict[str, Any] = {}
    for name, data in {**jpegs(), **others()}.items():
        arrays[f"file/{name}"] = np.frombuffer(data, np.uint8)
        try:
            reading = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
            arrays[f"tensorflow/{name}"] = reading
        except tf.errors.InvalidArgumentError as error:
            print(name, "-", str(error)[-90:])
        arrays[f"keras/{name}"] = np.asarray(keras.utils.load_img(io.BytesIO(data)))
    np.savez_compressed(OUT, **arrays)
    print(OUT, OUT.stat().st_size)


if __name__ == "__main__":
    main()
