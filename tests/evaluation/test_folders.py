"""Data sets that are folders: of classes, and of pictures whose names say them."""

import errno
import os

import pytest

from refnet.errors import InputError
from refnet.evaluation import read_data_set


def make(place, *files):
    """Make empty files: no picture is opened when a data set is read."""
    for file in files:
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return place


def test_a_folder_for_each_class(tmp_path):
    make(tmp_path, "cat/b.png", "cat/a.JPEG", "cat/deeper/c.jpg", "dog/a.webp", "dog/notes.txt", ".git/x.png")
    (tmp_path / "empty").mkdir()
    data = read_data_set(tmp_path)
    assert [file.removeprefix(f"{tmp_path}/") for file in data.files] == [
        "cat/a.JPEG", "cat/b.png", "cat/deeper/c.jpg", "dog/a.webp",
    ]  # fmt: skip
    assert data.given == ("cat", "cat", "cat", "dog")
    assert data.classes == ("cat", "dog", "empty")
    assert data.notes == ("1 folder without a picture: empty", "1 file left out, by the ending no picture")
    assert repr(data) == f"<DataSet {tmp_path}: 4 pictures of 3 classes, by folders>"


@pytest.mark.parametrize("name", ["val", "validation"])
def test_the_validation_pictures_of_a_whole_data_set(tmp_path, name):
    make(tmp_path, "train/n01440764/a.JPEG", f"{name}/n01440764/b.JPEG", "README.md")
    data = read_data_set(tmp_path)
    assert data.files == (str(tmp_path / name / "n01440764" / "b.JPEG"),)
    assert data.notes == (f"the pictures are those in {tmp_path / name}",)


def test_a_class_may_be_called_val(tmp_path):
    make(tmp_path, "val/a.png", "pass/b.png")
    assert read_data_set(tmp_path).classes == ("pass", "val")


def test_pictures_beside_the_classes_belong_to_none(tmp_path):
    make(tmp_path, "cat/a.png", "b.png")
    data = read_data_set(tmp_path)
    assert data.given == ("cat",)
    assert data.notes == ("1 picture left out, beside the folders of the classes: b.png",)


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    """A part of the pictures would give another accuracy."""
    make(tmp_path, "cat/a.png", "cat/locked/b.png")
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="cat/locked: cannot read the folder: Permission denied"):
        read_data_set(tmp_path)


def test_links_are_gone_through_once(tmp_path):
    make(tmp_path, "cat/a.png")
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    assert len(read_data_set(tmp_path)) == 1


def test_names_that_begin_with_a_wnid(tmp_path):
    make(tmp_path, "n01440764_10026.JPEG", "n02123045_tabby.png", "n01440764_9.JPEG", "README.md")
    data = read_data_set(tmp_path)
    assert data.given == ("n01440764", "n01440764", "n02123045")
    assert data.said_by == "names of files"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("a.png", "b.png"), "nothing says the classes of its 2 pictures; want a folder for each class"),
        (("n01440764_1.png", "b.png"), r"of 2 names 1 do not begin with a wnid: b\.png"),
        (("ILSVRC2012_val_00000001.JPEG",), "of which nothing says the classes; want --truth FILE: a list of wnids"),
        (("cat/notes.txt",), "no picture is in it"),
        (("notes.txt",), "no picture is in it"),
    ],
)
def test_what_is_no_data_set(tmp_path, files, message):
    with pytest.raises(InputError, match=message):
        read_data_set(make(tmp_path, *files))


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or directory"):
        read_data_set(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"a\.png: neither a folder nor a table"):
        read_data_set(make(tmp_path, "a.png") / "a.png")
    with pytest.raises(InputError, match="--synsets says what the numbers of a table mean"):
        read_data_set(make(tmp_path, "cat/a.png"), synsets="map_clsloc.txt")
