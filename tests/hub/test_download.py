"""Downloads from a server on this machine that behaves as the network does: what comes in the end, and what never."""

import base64
import hashlib
import re
import socket
import threading
from dataclasses import replace

import pytest
from helpers import file_server as answers
from helpers.published_file import DATA, MD5, NAMES, SHA256, content, said

from refnet.errors import WeightsNotFoundError
from refnet.hub import download, http
from refnet.hub.failure import DownloadError
from refnet.hub.fetch import fetch_release

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


def test_certificates_that_are_not_there_are_no_fault_of_the_cache(cache, release, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope")
    with pytest.raises(WeightsNotFoundError, match=r"not fetched: Could not find .* invalid path: /nope; to bring it"):
        fetch_release(replace(release, url="https://127.0.0.1:9/b1.pth"))


def test_credentials_and_cookies_are_not_sent(cache, server, release, monkeypatch, tmp_path):
    """Those of .netrc's default entry were sent to whatever host was asked, and to where that sent us."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\ndefault login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    import requests

    assert requests.utils.get_netrc_auth(server.address) == ("me", "secret")  # what requests would send
    cookie = "id=1; Path=/"
    with answers.serving() as other:
        other.answers[:] = [answers.good(DATA)]
        server.answers[:] = [
            answers.status(302, Location="/there", Set_Cookie=cookie),
            answers.status(302, Location=other.address.replace("//", "//you:too@") + "/b1", Set_Cookie=cookie),
        ]
        assert fetch_release(release).read_bytes() == DATA
        heard = [headers for _, headers in (*server.requests, *other.requests)]
    assert len(heard) == 3
    for headers in heard:
        assert not {"authorization", "cookie", "referer", "proxy-authorization"} & {name.lower() for name in headers}


def test_a_proxy_is_sent_its_own_credentials(cache, server, release, monkeypatch, tmp_path):
    """And nobody else's: in a request through a proxy that is not encrypted, it reads all."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("default login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("http_proxy", server.address.replace("//", "//proxy:key@"))
    monkeypatch.setenv("no_proxy", "")
    server.answers[:] = [answers.good(DATA)]
    assert fetch_release(replace(release, url="http://nowhere.invalid/b1.pth")).read_bytes() == DATA
    ((path, headers),) = server.requests
    assert path == "http://nowhere.invalid/b1.pth"
    assert headers["Proxy-Authorization"] == "Basic " + base64.b64encode(b"proxy:key").decode()
    assert "Authorization" not in headers
