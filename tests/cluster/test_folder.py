"""Folders at any address: files are there whole or not at all."""

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from refnet.cluster.folder import Folder, writing
from refnet.errors import InputError


class Odd(MemoryFileSystem):
    """Of no known kind: what is written may be seen before it is complete."""

    protocol = "odd"
    store = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012


fsspec.register_implementation("odd", Odd, clobber=True)


@pytest.fixture(params=["a path", "file://", "memory://", "odd://"])
def folder(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = {
        "a path": "found",
        "file://": f"file://{tmp_path}/found",
        "memory://": "memory://found",
        "odd://": "odd://found",
    }
    folder = Folder.at(places[request.param])
    folder.make()
    yield folder
    system, path = fsspec.url_to_fs(folder.address)
    system.rm(path, recursive=True)


def test_a_file_is_written_replaced_read_and_removed(folder, monkeypatch):
    monkeypatch.chdir("/")
    assert folder.names() == []
    folder.write("b.txt", b"one")
    folder.write("a.txt", b"two")
    folder.write("b.txt", b"three")
    assert folder.names() == ["a.txt", "b.txt"]
    with folder.open("b.txt") as file:
        assert file.read() == b"three"
    folder.remove("b.txt")
    folder.remove("b.txt")
    assert folder.names() == ["a.txt"]


def test_what_dead_workers_were_writing_goes(folder):
    for name in (f".{'0a' * 8}.part", "part-00000.parquet", ".hidden"):
        folder.write(name, b"")
    folder.remove_unfinished()
    assert folder.names() == [".hidden", "part-00000.parquet"]


def test_a_worker_that_dies_leaves_no_half_file(monkeypatch):
    folder = Folder.at("odd://found")

    def die(self, *arguments, **options):
        raise SystemExit

    monkeypatch.setattr(Odd, "mv", die)
    with pytest.raises(SystemExit):
        folder.write("part-00000.parquet", b"half")
    assert "part-00000.parquet" not in folder.names()
    folder.remove_unfinished()
    assert folder.names() == []


@pytest.mark.parametrize("place", ["found", "memory://found"])
def test_a_file_is_no_folder(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    system, path = fsspec.url_to_fs(place)
    system.pipe_file(path, b"a")
    try:
        with pytest.raises(InputError, match="found is a file; want a new or empty folder"):
            Folder.at(place).names()
    finally:
        system.rm_file(path)


def test_a_folder_that_cannot_be_one():
    with pytest.raises(InputError, match="cannot be read: Not a directory"):
        Folder.at("/dev/null/found").names()
    with pytest.raises(InputError, match=r"cannot be read: .*null"):
        Folder.at("/a\0b").names()


def test_what_a_protocol_raises_is_an_error_of_ours(monkeypatch):
    def fail(self, *arguments, **options):
        raise RuntimeError("access denied")

    monkeypatch.setattr(Odd, "ls", fail)
    with pytest.raises(InputError, match="odd://found: cannot be read: access denied"):
        Folder.at("odd://found").names()
    monkeypatch.setattr(Odd, "pipe_file", fail)
    with pytest.raises(InputError, match="odd://found/a not written: access denied"), writing("odd://found/a"):
        Folder.at("odd://found").write("a", b"")


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert Folder.at(str(tmp_path / "nowhere")).names() == []
