"""What is in a source: files, folders, patterns, arrays, open files, and whatever holds these."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.photos import pixels, write_no_pictures, write_odd, write_pictures, write_wrong
from PIL import Image

from refnet.errors import ImageError, ImageNotFoundError, InputError
from refnet.pipeline.source import items, one_each
from refnet.preprocessing.read_image import read_image


def names(source, **options):
    return [item.name for item in items(source, **options)]


def test_a_folder_has_its_pictures_sorted(tmp_path):
    paths = write_pictures(tmp_path, 3)
    wrong = write_wrong(tmp_path)
    odd = write_odd(tmp_path)
    write_no_pictures(tmp_path)
    expected = sorted([*paths, *(str(tmp_path / name) for name in [*wrong, *odd])])
    assert names(tmp_path) == names(str(tmp_path)) == expected
    assert names([tmp_path, paths[0]]) == [*expected, paths[0]]


def test_what_is_left_out_is_told_once(tmp_path, caplog):
    caplog.set_level("INFO", "refnet")
    write_pictures(tmp_path / "in", 1)
    (tmp_path / "notes.txt").touch()
    names(tmp_path)
    (tmp_path / "in" / "other.txt").touch()
    names(tmp_path, recursive=True)
    assert caplog.messages == [
        f"{tmp_path}: notes.txt is left out, by its ending no picture",
        f"{tmp_path}: 2 files are left out, by their ending no pictures, such as notes.txt",
    ]


def test_folders_of_folders_only_if_asked_and_each_once(tmp_path):
    first = write_pictures(tmp_path, 2)
    second = write_pictures(tmp_path / "a", 2)
    third = write_pictures(tmp_path / "a" / "b", 1)
    (tmp_path / "a" / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "a")
    (tmp_path / "itself").symlink_to("itself")
    assert names(tmp_path) == first
    assert names(tmp_path, recursive=True) == [*first, *second, *third]


def test_a_folder_that_cannot_be_read_is_an_error_in_its_place(tmp_path, monkeypatch):
    first, last = write_pictures(tmp_path / "a", 1), write_pictures(tmp_path / "c", 1)
    (tmp_path / "b").mkdir()
    real = os.scandir

    def scandir(path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(items(tmp_path, recursive=True))
    assert [item.name for item in found] == [*first, str(tmp_path / "b"), *last]
    error = found[1].image
    assert isinstance(error, ImageError)
    assert str(error) == f"{tmp_path / 'b'}: cannot read the folder: Permission denied"
    assert (error.filename, error.errno) == (str(tmp_path / "b"), 13)


def test_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("a"), 2)
    write_pictures(Path("a/b"), 1)
    write_no_pictures(Path("a"))
    Path("a/[1].png").touch()
    assert names("a/*.png") == ["a/[1].png", "a/photo0000.png", "a/photo0001.png"]  # no folder, nothing hidden
    assert names("a/p*") == ["a/photo0000.png", "a/photo0001.png"]  # no pipe
    assert names("**/photo0000.*") == ["a/b/photo0000.png", "a/photo0000.png"]
    assert names("a/[1].png") == ["a/[1].png"]  # there is a file of that very name
    (nothing,) = items("a/*.jpg")
    assert isinstance(nothing.image, ImageNotFoundError)
    assert str(nothing.image) == "a/*.jpg: there is no file of that name, and none that this pattern matches"


def test_in_a_list_a_name_is_a_name(tmp_path):
    write_pictures(tmp_path, 1, prefix="IMG1")
    name = str(tmp_path / "IMG[1]0000.png")
    assert [Path(found).name for found in names(name)] == ["IMG10000.png"]
    assert names([name]) == names(iter([name])) == names((name,)) == [name]
    folder = tmp_path / "with [1]"
    assert names([folder, f"{tmp_path}/IMG*.png"]) == [str(folder), f"{tmp_path}/IMG*.png"]


def test_whatever_holds_pictures(tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    array, data, image = pixels(1), Path(path).read_bytes(), Image.new("L", (4, 4))
    source = (each for each in ([path, array], data, np.stack([array, array]), image, iter([Path(path)])))
    found = list(items(source))
    assert [item.name for item in found] == [path, *(f"picture {n}" for n in range(2, 7)), path]
    assert found[2].image is data
    assert found[5].image is image
    assert all((item.image == array).all() for item in (found[1], found[3], found[4]))


def test_nothing_is_taken_before_it_is_asked_for():
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield pixels(0)

    found = items(endless())
    assert taken == []
    assert [next(found).name for _ in range(2)] == ["picture 1", "picture 2"]
    assert taken == [0, 1]


def test_an_iterator_may_use_its_array_again_and_close_its_files(tmp_path):
    paths = write_pictures(tmp_path, 3)

    def one_array():
        array = np.empty((48, 60, 3), np.uint8)
        for i in range(3):
            array[...] = pixels(i)
            yield array

    def files():
        for path in paths:
            with Path(path).open("rb") as file:
                yield file

    def images():
        for path in paths:
            with Image.open(path) as image:
                yield image

    for source in (one_array(), files(), images()):
        for i, item in enumerate(list(items(source))):
            assert (read_image(item.image) == pixels(i)).all()


def test_open_files(tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    with Path(path).open("rb") as file, Path(path).open("rb") as again, Path(path).open(encoding="latin-1") as text:
        data = file.read()
        found = list(items([again, io.BytesIO(data), file]))
        assert found == [(path, data), ("picture 2", data), (path, b"")]
        with pytest.raises(InputError, match="is opened as text; want it opened as 'rb'"):
            list(items(text))
    (closed,) = items(file)
    assert isinstance(closed.image, ImageError)
    assert "closed file" in str(closed.image)


def test_a_damaged_pil_image_of_an_iterator(tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    data = Path(path).read_bytes()
    found = list(items(Image.open(io.BytesIO(data[:length])) for length in (len(data) // 2, len(data))))
    assert isinstance(found[0].image, ImageError)
    assert (read_image(found[1].image) == pixels(0)).all()


@pytest.mark.parametrize("wrong", [3.14, None, bytearray(b"GIF"), {"a.png"}, {"a.png": 1}, [["a.png"], 5]])
def test_what_is_no_source(wrong):
    with pytest.raises(InputError, match=r"a picture cannot be (float|NoneType|bytearray|set|dict|int); want a path"):
        list(items(wrong))


def test_a_list_has_one_item_for_each_entry(tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    with Path(path).open("rb") as file:
        found = list(one_each([tmp_path, "*.png", file, b"GIF"]))
    assert [item.name for item in found] == [str(tmp_path), "*.png", path, "picture 4"]
    assert found[0].image == tmp_path
    assert found[2].image == Path(path).read_bytes()
