"""Pictures at addresses: found, read, and told about where that fails."""

import sys
import zipfile

import fsspec
import pytest
from helpers.places import CHELSEA
from helpers.small_weights import make_weights

import refnet
from refnet import cli
from refnet.errors import ImageError, ImageNotFoundError, InputError, InputNotFoundError
from refnet.network import Network
from refnet.pipeline import addresses
from refnet.pipeline.pipeline import Pipeline
from refnet.pipeline.source import items
from refnet.preprocessing.image_like import is_address


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "more/c.png", "more/.hidden/d.png", "no ending"):
        system.pipe_file(f"/photos/{name}", CHELSEA.read_bytes())
    yield system
    system.rm("/photos", recursive=True)


@pytest.mark.parametrize(
    ("address", "recursive", "names"),
    [
        ("memory://photos", False, ["a.JPG", "b.png"]),
        ("memory://photos/", True, ["a.JPG", "b.png", "more/c.png"]),
        ("memory://photos/*.png", False, [".hidden.png", "b.png"]),
        ("memory://photos/**/*.png", False, [".hidden.png", "b.png", "more/.hidden/d.png", "more/c.png"]),
        ("memory://photos/no ending", False, ["no ending"]),
        ("memory://photos/not there.png", False, ["not there.png"]),
    ],
)
def test_pictures_of_an_address_come_sorted(memory, address, recursive, names):
    found = [item.name for item in items(address, recursive=recursive)]
    assert [name.removeprefix("memory://").lstrip("/").removeprefix("photos/") for name in found] == names


@pytest.mark.usefixtures("memory")
def test_they_are_read_as_files_are():
    pipeline = Pipeline(Network(make_weights(), threads=2))
    [expected] = pipeline.run(CHELSEA)
    fsspec.filesystem("memory").pipe_file("/photos/bad.png", b"no picture")
    [broken] = pipeline.run(["memory://photos/bad.png"])
    assert str(broken.error).startswith("memory://photos/bad.png: not a picture; want one of")
    [bad] = pipeline.run("memory://photos/more/*.txt")
    good, name, gone = pipeline.run(
        ["memory://photos/no ending", "memory://photos/*.png", "memory://photos/not there.png"]
    )
    assert str(name.error) == "memory://photos/*.png: cannot read the picture: there is no such file"
    assert good.tensors["probabilities"].tobytes() == expected.tensors["probabilities"].tobytes()
    assert str(bad.error) == "memory://photos/more/*.txt: there are no pictures"
    assert str(gone.error) == "memory://photos/not there.png: cannot read the picture: there is no such file"
    assert isinstance(bad.error, ImageNotFoundError)
    assert isinstance(gone.error, ImageNotFoundError)


def test_pictures_inside_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(CHELSEA, "b.png")
        archive.write(CHELSEA, "a.png")
    names = [item.name for item in items(f"zip://*.png::{tmp_path}/photos.zip")]
    assert names == [f"zip://{name}.png::{tmp_path}/photos.zip" for name in "ab"]
    assert addresses.fetch(names[0]) == CHELSEA.read_bytes()


def test_an_archive_that_is_not_there_is_an_error_in_its_place(tmp_path):
    for inside in ("*.png", "a.png"):
        address = f"zip://{inside}::{tmp_path}/missing.zip"
        [item] = items(address)
        assert isinstance(item.image, ImageNotFoundError)
        assert str(item.image) == f"{address}: cannot read the picture: there is no such file"
        with pytest.raises(ImageNotFoundError, match="there is no such file"):
            addresses.fetch(address)
        with pytest.raises(InputNotFoundError, match=r"missing.zip: No such file or directory"):
            addresses.file_system(address)
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    [item] = items(f"zip://*.png::{tmp_path}/bad.zip")
    assert str(item.image).endswith("bad.zip: cannot read the picture: File is not a zip file")


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("https://host/a.png", "pip install 'fsspec[http]'"),
        ("s3://bucket/a.png", "pip install s3fs"),
        ("gs://bucket/a.png", "pip install gcsfs"),
        ("zip://a.png::s3://bucket/a.zip", "pip install s3fs"),
    ],
)
def test_a_protocol_without_its_package_says_what_to_install(monkeypatch, address, command):
    def fail(address):
        raise ImportError("something is not installed")

    monkeypatch.setattr(fsspec, "url_to_fs", fail)
    with pytest.raises(InputError) as error:
        next(items(address))
    assert str(error.value) == f"{address}: something is not installed; `{command}` brings it"


@pytest.mark.usefixtures("memory")
def test_an_address_of_one_picture_is_answered_as_one_path_is(capsys):
    address = "memory://photos/b.png"
    expected = refnet.predict(CHELSEA)
    assert refnet.predict(address) == expected
    assert refnet.predict([address, CHELSEA]) == [expected, expected]
    assert [list(answer.predictions) for answer in refnet.predict("memory://photos/*.png")] == [expected, expected]
    network = refnet.load("lite0")
    assert network.preprocess(address).tobytes() == network.preprocess(CHELSEA).tobytes()
    assert network.features(address, "pool").tobytes() == network.features(CHELSEA, "pool").tobytes()
    with pytest.raises(
        ImageNotFoundError, match=r"memory://photos/gone\.png: cannot read the picture: there is no such"
    ):
        refnet.predict("memory://photos/gone.png")
    printed = []
    for photo in (address, str(CHELSEA)):
        assert cli.main(["predict", photo]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_a_protocol_that_is_not_there_is_named():
    fsspec.register_implementation("nowhere", "no.such.Place", errtxt="Install nowhere to read it", clobber=True)
    with pytest.raises(InputError, match=r"nowhere://bucket: Install nowhere to read it"):
        next(items("nowhere://bucket"))
    with pytest.raises(InputError, match=r"strange://bucket: Protocol not known: strange"):
        next(items("strange://bucket"))


def test_what_a_protocol_raises_is_an_error_in_its_place(memory, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("access denied")

    monkeypatch.setattr(type(memory), "cat_file", fail)
    monkeypatch.setattr(type(memory), "find", fail)
    with pytest.raises(ImageError, match=r"memory://photos/b\.png: cannot read the picture: access denied"):
        addresses.fetch("memory://photos/b.png")
    [item] = items("memory://photos")
    assert str(item.image) == "memory://photos: cannot read the picture: access denied"


def test_what_is_far_too_long_is_refused(memory, monkeypatch):
    monkeypatch.setattr(addresses, "MAX_BYTES", 10)
    with pytest.raises(ImageError, match="bytes; want at most 10"):
        addresses.fetch("memory://photos/b.png")


@pytest.mark.parametrize(
    "name", ["a.png", "/a/b.png", "C:/a.png", "a:b.png", "s3:/a.png", b"s3://a.png", "../a//b.png"]
)
def test_what_is_no_address(name):
    assert not is_address(name)


def test_without_fsspec_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(InputError, match=r"s3://bucket: want fsspec to read it; `pip install fsspec` brings it"):
        next(items("s3://bucket"))
