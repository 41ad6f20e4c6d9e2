"""Every reader of what a user brings takes a time that is in proportion to the file, whoever made it."""

import os
import time
import warnings

import numpy as np
import pytest
from helpers import costly_files, costly_pictures
from helpers.generated_goldens import NHWC, X, write

from refnet.checkpoints import checkpoint_file
from refnet.checkpoints.readers import file_bytes
from refnet.checkpoints.readers.keras.keras_content import Layer
from refnet.checkpoints.readers.keras.placement import Places
from refnet.errors import CheckpointError, ImageError
from refnet.golden.formats.tensor_file import UnreadableError
from refnet.golden.read import open_reader
from refnet.preprocessing import metadata
from refnet.preprocessing.read_image import read_as

SIZE = 1 << 18
SECONDS = 2.0  # of the processor's time: four times what the budget allows, for machines that others use as well
LARGE = {f"picture/{name}" for name in costly_pictures.LARGE}


@pytest.mark.parametrize("name", sorted(costly_files.FILES.keys() - LARGE))
def test_a_cheap_file_costs_little(tmp_path, name):
    small = tmp_path / "small"
    small.mkdir()
    costly_files.read(name, costly_files.write(name, small, size=4096))  # what is imported and compiled but once
    path = costly_files.write(name, tmp_path, size=SIZE)
    started = time.process_time()
    costly_files.read(name, path)
    assert time.process_time() - started < SECONDS


def test_pixels_cost_what_they_are_not_what_is_said_of_them(tmp_path):
    """A hundred scans of 64 megapixels are read; a hundred thousand are not."""
    with pytest.raises(ImageError, match="a JPEG of more than 100 scans"):
        read_as(costly_pictures._progressive(64, 101))
    assert read_as(costly_pictures._progressive(64, 90)).picture.shape == (64, 64, 3)


@pytest.mark.parametrize("name", ["exif-entries.jpg", "exif-shared.jpg", "exif.png", "exif-of-text.png", "inner.tif"])
def test_exif_of_nonsense_is_told_in_no_line(name):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert read_as(costly_pictures.FILES[name](0, SIZE)).picture.shape == (64, 64, 3)
    assert not told


def test_exif_of_one_entry_still_turns_a_picture():
    directory = bytes.fromhex("4d4d002a000000080001" + "011200030000000100060000" + "00000000")
    turned = metadata.EXIF + directory
    plain = costly_pictures._before_frame(0, costly_pictures._segment(0xE1, turned))
    upright, stored = read_as(plain), read_as(costly_pictures._before_frame(0, b""))
    assert upright.differs == ("turned upright, as its EXIF says",)
    assert (upright.picture == np.rot90(stored.picture, -1)).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_exif_that_begins_far_away_is_none():
    """Of a kind that says where in 64 bits, which is no place in a file."""
    far = metadata.EXIF + b"MM\0+" + b"\xff" * 40
    for head in (far, far.replace(b"\0+", b"+\0")):
        assert read_as(costly_pictures._before_frame(0, costly_pictures._segment(0xE1, head))).differs == ()


def test_scans_that_libjpeg_sees_are_counted():
    with pytest.raises(ImageError, match="a JPEG of more than 100 scans"):
        read_as(costly_pictures.FILES["hidden-scans.jpg"](0, SIZE))


def test_a_comment_is_one_whatever_is_in_it():
    assert read_as(b"P2\n# " + b"#" * 200 + b"\n4 4 9\n" + b"1 " * 16).picture.shape == (4, 4, 3)


def test_a_tiff_of_nonsense_is_refused():
    with pytest.raises(ImageError, match="a TIFF whose directory has more than 512 entries, or more than 8 that lead"):
        read_as(costly_pictures.FILES["entries.tif"](0, SIZE))


def test_an_oversized_checkpoint_is_refused_before_it_is_hashed(tmp_path, monkeypatch):
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.write(b"PK\3\4")
        file.truncate(file_bytes.MAX_BYTES + 1)
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("hashed"))
    for reader in (checkpoint_file.fingerprint, checkpoint_file.read):
        with pytest.raises(CheckpointError, match="more than any published checkpoint"):
            reader(path)


@pytest.mark.parametrize("kind", ["npy", "hex"])
def test_an_oversized_file_of_a_golden_is_refused_before_it_is_read_or_hashed(tmp_path, kind):
    target = write(tmp_path, kind, [("stem", "NHWC", X, "float32", NHWC)])
    os.truncate(target / f"stem.{kind}", 1 << 36)
    started = time.process_time()
    with open_reader(target) as reader:
        for look in (reader.verify, reader.read):
            with pytest.raises(UnreadableError, match="68719476736 bytes, far more than 140 elements take"):
                look("stem")
    assert time.process_time() - started < SECONDS


def test_layers_in_models_are_found_by_names_that_are_there_once():
    inner = (Layer("a", "Dense", {}), Layer("b", "Dense", {}), Layer("b", "Dense", {}))
    model = Layer("o", "Functional", {}, (Layer("m", "Functional", {}, inner), Layer("d", "Dense", {}), *inner[1:]))
    places = Places(model)
    assert [places.of("m", name) for name in "abc"] == ["m/a", "", ""]
    assert (places.of("d", "anything"), places.of("b", "b"), places.of("z", "z")) == ("d", "", "")
    assert Places(None).of("m", "a") == ""
