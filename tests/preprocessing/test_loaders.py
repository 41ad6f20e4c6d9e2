"""As published, to the bit: pictures as torchvision, timm, lukemelas, Keras and TensorFlow read them."""

import io
from dataclasses import replace

import numpy as np
import pytest
from helpers import any_torchvision  # noqa: F401
from helpers.places import DATA
from PIL import Image, features

import refnet
from refnet.errors import ImageError
from refnet.preprocessing.decode import ON_WHITE, SHIFTED, TURNED
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.read_image import read_as, read_image
from refnet.preprocessing.recipe import RECIPES

from timm.data import create_transform  # isort: skip
from torchvision.datasets.folder import pil_loader  # isort: skip
from torchvision.transforms import InterpolationMode  # isort: skip
from torchvision.transforms._presets import ImageClassification  # isort: skip

with np.load(DATA / "pictures.npz") as archive:  # tools/make_reading_fixtures.py
    STORED = {name: archive[name] for name in archive.files}
FILES = {name.partition("/")[2]: bytes(STORED[name]) for name in STORED if name.startswith("file/")}
NOT_EIGHT_BITS = ("grey16.png", "grey16.tif", "dark16.png")  # what Pillow makes of them depends on its version

RAMP = (np.add.outer(np.arange(17) * 7, np.arange(22) * 4)[..., None] + [0, 20, 40]).astype(np.uint8)
TIMMS = create_transform((3, 32, 32), interpolation="bicubic", crop_pct=0.875)
TORCHS = ImageClassification(crop_size=32, resize_size=36, interpolation=InterpolationMode.BICUBIC)

# What TensorFlow itself refuses, or reads as nobody would want it.
REFUSED = {
    "grey16.tif": "TIFF",
    "pages.tif": "TIFF",
    "cmyk.tif": "TIFF",
    "rgba.tif": "TIFF",
    "plain.ppm": "PPM",
    "bit.bmp": "BMP with a palette",
    "palette.bmp": "BMP with a palette",
    "rgba.webp": "WebP with transparency",
}


def saved(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    return tmp_path / name


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")  # the publishers' own code, which warns
class TestPillow:
    @pytest.mark.parametrize("name", FILES)
    def test_torchvision_reads_the_same(self, name, tmp_path):
        theirs = np.asarray(pil_loader(saved(tmp_path, name)))
        assert np.array_equal(read_as(tmp_path / name, as_published=True).picture, theirs)

    @pytest.mark.parametrize("name", [name for name in FILES if name not in NOT_EIGHT_BITS])
    def test_keras_reads_the_same(self, name):
        assert np.array_equal(read_as(FILES[name], as_published=True).picture, STORED[f"keras/{name}"])

    @pytest.mark.parametrize("name", FILES)
    def test_the_inputs_of_timm_and_torchvision_are_the_same(self, name, tmp_path):
        path = saved(tmp_path, name)
        with Image.open(path) as image:
            picture = image.convert("RGB")
        for recipe, transform in ((RECIPES["timm"], TIMMS), (replace(RECIPES["torchvision"], crop_amount=36), TORCHS)):
            theirs = transform(picture).numpy().transpose(1, 2, 0)
            assert np.array_equal(preprocess(path, recipe, 32, 32, as_published=True), theirs)


class TestTensorFlow:
    @pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
    def test_decode_image_reads_the_same(self, name):
        theirs = STORED[f"tensorflow/{name}"]
        assert np.array_equal(read_as(FILES[name], "tensorflow", as_published=True).picture, theirs)

    @pytest.mark.parametrize("name", [name for name in FILES if name in REFUSED])
    def test_what_it_does_not_read_is_refused(self, name):  # or reads wrongly: of palettes in BMP the numbers
        with pytest.raises(ImageError, match=f"TensorFlow reads no {REFUSED[name]}.*leave out --as-published"):
            read_as(FILES[name], "tensorflow", as_published=True)
        assert name == "palette.bmp" or f"tensorflow/{name}" not in STORED

    def test_a_jpeg_that_cannot_be_followed_is_refused(self):
        """Colour of a lower resolution that is not mixed from luminance: no encoder that is known writes it."""
        data = bytearray(FILES["cmyk.jpg"])
        data[data.index(b"\xff\xc0") + 11] = 0x22
        with pytest.raises(ImageError, match="a JPEG of CMYK with colour of lower resolution; save it as PNG"):
            read_as(bytes(data), "tensorflow", as_published=True)

    def test_an_image_that_pillow_has_decoded(self):
        for name in ("rgba.png", "grey16.png", "la.png"):
            with Image.open(io.BytesIO(FILES[name])) as image:
                reading = read_as(image, "tensorflow", as_published=True)
            assert np.array_equal(reading.picture, STORED[f"tensorflow/{name}"])


def test_a_large_jpeg_in_strips():
    """Rows are mixed some at a time."""
    picture = np.random.default_rng(1).integers(0, 256, (150, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=75, subsampling=0)
    reading = read_as(file.getvalue(), "tensorflow", as_published=True)
    assert np.abs(reading.picture.astype(int) - read_image(file.getvalue())).mean() < 2


DIFFERS = {
    **{f"exif{turn}.jpg": (TURNED,) for turn in range(2, 9)},
    "exif6.png": (TURNED,),
    **dict.fromkeys(("rgba.png", "la.png", "palette-alpha.png", "palette-clear.png", "clear.gif"), (ON_WHITE,)),
    **dict.fromkeys(("grey-clear.png", "rgb-clear.png", "rgba.tif", "rgba.webp"), (ON_WHITE,)),
    **dict.fromkeys(("grey16.png", "grey16.tif", "dark16.png"), (SHIFTED,)),
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_told_where_the_default_is_another(name):
    reading = read_as(FILES[name])
    assert reading.differs == DIFFERS.get(name, ())
    published = read_as(FILES[name], as_published=True)
    assert published.differs == ()
    assert np.array_equal(reading.picture, published.picture) == (not reading.differs)
    assert np.array_equal(reading.picture, read_image(FILES[name]))


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "JPEG2000"])
def test_orientation_in_every_format(kind, turn, tmp_path):
    """Pillow itself turns what TIFF says is turned; then both ways are one."""
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("a Pillow without AVIF")
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(RAMP).save(tmp_path / "a", kind, exif=exif)
    shown, published = read_as(tmp_path / "a"), read_as(tmp_path / "a", as_published=True)
    assert np.array_equal(published.picture, np.asarray(pil_loader(tmp_path / "a")))
    assert bool(shown.differs) == (not np.array_equal(shown.picture, published.picture))
    assert bool(shown.differs) == (turn > 1 and kind not in ("TIFF", "JPEG2000"))


def test_transparency_that_is_white_below_makes_no_difference():
    white = np.full((8, 8, 4), 255, np.uint8)
    white[..., 3] = 7
    assert read_as(Image.fromarray(white)).differs == ()


def test_tensorflow_cuts_16_bits_as_the_default_does():
    assert read_as(FILES["grey16.png"], "tensorflow").differs == ()


def test_pixels_of_other_ranges_are_read_as_published_only():
    image = Image.fromarray(np.full((8, 8), 300.0, np.float32))
    with pytest.raises(ImageError, match="no stated range"):
        read_image(image)
    assert np.array_equal(read_as(image, as_published=True).picture, np.asarray(image.convert("RGB")))
    with pytest.raises(ImageError, match="damaged"):
        read_as(Image.new("La", (8, 8)), as_published=True)


def test_arrays_are_taken_as_they_are():
    array = np.zeros((8, 8, 3), np.uint8)
    assert read_as(array, "tensorflow", as_published=True).picture is array


class TestThroughTheNetwork:
    def test_python(self, tmp_path, caplog):
        network = refnet.load("b0@synthetic", recipe="timm")
        path = saved(tmp_path, "exif6.jpg")
        with caplog.at_level("INFO", "refnet"):
            shown, published = network.preprocess(path), network.preprocess(path, as_published=True)
        assert [record.message for record in caplog.records] == [
            "a picture was turned upright, as its EXIF says; as_published=True reads it otherwise"
        ]
        assert np.array_equal(published, network.preprocess(np.asarray(pil_loader(path))))
        assert not np.array_equal(published, shown)
        assert network.predict(path, as_published=True) == network.predict(np.asarray(pil_loader(path)))
        assert refnet.predict(path, "lite0", recipe="timm", as_published=True) == refnet.predict(
            np.asarray(pil_loader(path)), "lite0", recipe="timm"
        )

    def test_command_line(self, tmp_path, capsys):
        from refnet.cli import main

        path = str(saved(tmp_path, "exif6.jpg"))
        assert main(["predict", path, "--top", "1"]) == 0
        shown, said = capsys.readouterr()
        assert said == (
            f"refnet: {path}: turned upright, as its EXIF says, unlike TensorFlow's decode_image; "
            "--as-published reads it as that does\n"
        )
        assert main(["predict", path, "--top", "1", "--as-published"]) == 0
        published, said = capsys.readouterr()
        assert said == ""
        assert published != shown
