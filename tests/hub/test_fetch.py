"""Fetching: a published file becomes a weight file in the cache, whole or not at all."""

import errno
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest
from helpers import file_server as answers
from helpers.places import ROOT
from helpers.published_file import DATA, MD5, NAMES, SHA256, content, convert, said
from helpers.terminals import run_in_terminal, screen

import refnet
from refnet import cli
from refnet.errors import CheckpointError, UnknownModelError, WeightsError, WeightsNotFoundError
from refnet.files import workplace
from refnet.hub import fetch
from refnet.hub.catalogue import describe_model, weight_file
from refnet.hub.fetch import fetch_release
from refnet.hub.models import find_weights, synthetic_weights
from refnet.weights import paths, reader, releases, writer


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


LOG = logging.getLogger("refnet")


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [(LOG, "disabled", True), (LOG, "level", logging.ERROR), (LOG.manager, "disable", logging.CRITICAL)],
    ids=["disabled", "level", "everything"],
)
def test_a_download_is_not_silent_where_the_log_is(cache, release, monkeypatch, place, name, value):
    monkeypatch.setattr(place, name, value)
    LOG.manager._clear_cache()
    with pytest.warns(UserWarning, match=r"^fetching b1@timm-tf:aa: b1\.pth from http"):
        fetch_release(release)
    LOG.manager._clear_cache()


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
    monkeypatch.setattr(Path, "mkdir", Mock(side_effect=PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(WeightsError, match=rf"cannot write in {cache}: Permission denied; REFNET_CACHE can name"):
        fetch_release(release)


def unknown(original, out, cache):
    out.write_bytes(b"half")
    raise CheckpointError(f"{original}: no")


def disk_full(original, out, cache):
    raise WeightsError(f"{out} not written: full") from OSError(errno.ENOSPC, "No space left on device")


def working_folder_gone(original, out, cache):
    shutil.rmtree(out.parent)
    raise CheckpointError(f"{original} does not exist")


def target_is_a_folder(original, out, cache):
    convert(original, None, out)
    (cache / NAMES[1]).mkdir()


@pytest.mark.parametrize(
    ("misfortune", "kind", "message", "left"),
    [
        (
            unknown,
            CheckpointError,
            r"^b1@timm-tf:aa not fetched: what came from {url} cannot be converted: b1\.pth: no; "
            r"to bring it by hand: b1\.pth \(51,200 bytes, ",
            [],
        ),
        (disk_full, WeightsError, r"cannot write in {cache}: No space left on device; REFNET_CACHE can", []),
        (working_folder_gone, WeightsError, r"{cache}/\.\w+\.part was removed meanwhile; try again", []),
        (target_is_a_folder, WeightsError, r"cannot write in .*: Is a directory", [NAMES[1]]),  # and no certificate
    ],
)
def test_what_fails_while_it_is_converted(cache, release, monkeypatch, misfortune, kind, message, left):
    monkeypatch.setattr(fetch, "_convert", lambda original, release, out: misfortune(original, out, cache))
    with pytest.raises(kind, match=message.format(url=release.url, cache=cache)):
        fetch_release(release)
    assert content(cache) == left


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
from helpers.published_file import convert
from refnet.hub import fetch
from refnet.weights import releases

fetch._convert = convert
release = replace(releases.find("b1"), file="b1.pth", url=sys.argv[1], bytes=51200, sha256=sys.argv[2])
print(fetch.fetch_release(release).stat().st_size)
"""

    PATHS = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}  # noqa: RUF012

    def arguments(self, release):
        return "-c", self.PROGRAM, release.url, SHA256

    @pytest.fixture
    def start(self, cache, release):
        return partial(
            subprocess.Popen,
            [sys.executable, *self.arguments(release)],
            env=os.environ | self.PATHS,
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
        assert process.returncode == -how
        assert [bool(workplace.NAME.fullmatch(name)) for name in content(cache)] == [True] * (how == signal.SIGKILL)
        fetch_release(release)
        assert content(cache) == NAMES

    def test_a_bar_on_a_terminal(self, cache, server, release, tmp_path):
        server.answers[:] = [answers.good(DATA, pieces=10, pause=0.1)]
        code, seen = run_in_terminal(*self.arguments(release), where=tmp_path, **self.PATHS)
        assert code == 0
        assert re.search(r"b1\.pth .* of 51\.2 kB", seen)
        wanted = f"fetching b1@timm-tf:aa: b1.pth from {release.url} (0.1 MB) into {cache}"
        assert screen(seen) == [wanted, "51200", ""]


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


@pytest.mark.parametrize("name", ["mine.pth", "b1.H5", "mine.keras"])
def test_a_file_is_not_fetched(name, capsys):
    with pytest.raises(
        UnknownModelError, match="is a file's name; a file is not fetched, but named as the model itself"
    ):
        fetch.fetch(name)
