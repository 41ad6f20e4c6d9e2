"""What others name is opened without a wait, and only where it is a file that ends."""

import os
import re
import socket
import threading
import tracemalloc
from pathlib import Path

import pytest

from refnet.files import opening

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs pipes with names")


def made(place, kind):
    path = place / "it"
    match kind:
        case "a pipe":
            os.mkfifo(path)
        case "a socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
        case "a device":
            path.symlink_to("/dev/zero")
        case "Is a directory":
            path.mkdir()
        case "Too many levels of symbolic links":
            path.symlink_to(path)
        case "No such file or directory":
            path.symlink_to(place / "nowhere")
    return path


ODD = ("a pipe", "a socket", "a device", "Is a directory", "Too many levels of symbolic links", "No such file or dir")


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = made(tmp_path, kind if not kind.startswith("No such") else "No such file or directory")
    for read in (
        opening.open_file,
        lambda path: opening.read_bytes(path, 10),
        lambda path: opening.read_text(path, 10),
    ):
        with pytest.raises(OSError, match=re.escape(kind)) as caught:
            read(path)
        assert caught.value.filename == str(path)
        assert caught.value.strerror


def test_a_pipe_that_takes_the_place_of_a_file(tmp_path, monkeypatch):
    """Between a look at it and its opening."""
    path = made(tmp_path, "a pipe")
    (tmp_path / "file").touch()
    looked = (tmp_path / "file").stat()
    monkeypatch.setattr(opening.os, "stat", lambda _: looked)
    with pytest.raises(OSError, match="it is a pipe; want a regular file"):
        opening.open_file(path)


def test_pipes_where_they_are_taken(tmp_path, monkeypatch):
    path = made(tmp_path, "a pipe")
    writer = threading.Thread(target=path.write_bytes, args=(b"abc" * 100_000,))
    writer.start()
    with opening.open_file(path, pipes=True) as file:
        assert file.read() == b"abc" * 100_000
    writer.join()
    monkeypatch.setattr(opening, "PATIENCE", 0.1)
    with pytest.raises(OSError, match=r"nobody writes to this pipe, for 0\.1 s"):
        opening.open_file(path, pipes=True)


def test_a_writer_may_need_long_for_its_first_byte(tmp_path, monkeypatch):
    """As a download in ``<(curl …)``, or a program that asks for a password first."""
    path = made(tmp_path, "a pipe")
    monkeypatch.setattr(opening, "PATIENCE", 0.05)

    def write():
        with path.open("wb", buffering=0) as file:
            there.set()
            go_on.wait()
            file.write(b"abc")

    there, go_on = threading.Event(), threading.Event()
    keep = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that the writer is there first
    writer = threading.Thread(target=write)
    writer.start()
    there.wait()
    try:
        with opening.open_file(path, pipes=True) as file:
            go_on.set()
            assert file.read() == b"abc"
    finally:
        go_on.set()
        os.close(keep)
        writer.join()


def test_sizes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfabc")
    assert opening.read_bytes(path, 6) == b"\xef\xbb\xbfabc"
    assert opening.read_text(path, 6) == "abc"
    with pytest.raises(OSError, match="6 bytes; want at most 5"):
        opening.read_bytes(path, 5)
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="1099511627776 bytes; want at most 5"):
        opening.read_bytes(path, 5)
    if Path("/proc/version").exists():
        assert opening.read_bytes("/proc/version", 1000).startswith(b"Linux")
        with pytest.raises(OSError, match="6 bytes; want at most 5"):
            opening.read_bytes("/proc/version", 5)


def test_no_descriptor_is_left(tmp_path):
    path = made(tmp_path, "a pipe")
    before = os.dup(0)
    os.close(before)
    for _ in range(3):
        with pytest.raises(OSError, match="it is a pipe"):
            opening.open_file(path)
    after = os.dup(0)
    os.close(after)
    assert before == after


def test_memory_is_that_of_the_file(tmp_path):
    path = tmp_path / "small"
    path.write_bytes(b"abc")
    tracemalloc.start()
    try:
        assert opening.read_bytes(path, 1 << 32) == b"abc"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
