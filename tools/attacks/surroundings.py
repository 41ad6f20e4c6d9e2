"""Odd environments and costly files, as the tests list them, and hostile servers on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from helpers import costly_files, environments
from helpers import file_server as answers

from attacks.case import Attack, Case, FaultError
from attacks.programs import name_of
from attacks.readers import make_weight_file
from attacks.tables import pictures
from attacks.watch import check_message, refused_or

# Odd environments -----------------------------------------------------------------------------------------------------


def environment(name: str) -> Callable[[Case], None]:
    """Make the attack of an environment: any command works in it, or says in a line why not."""

    def run(case: Case) -> None:
        odd = environments.ENVIRONMENTS[name]
        if not odd.possible:
            return
        model, folder = str(make_weight_file(case)), str(pictures(case))
        picture = f"{folder}/photo0000.png"
        commands: list[list[object]] = [
            ["predict", folder, "-m", model], ["predict", picture, "-m", model, "-o", "out.csv"], ["info"],
            ["verify", model], ["plan", model], ["golden", model, "-o", "golden", "--size", "17x16", "--quiet"],
            ["fetch", "b1"], ["predict", picture, "-m", "b1"], ["features", picture, "-m", model, "-o", "out.npy"],
            ["convert", model, "-o", "x.h5"], ["info", "b1"], ["info", "--published"], ["compare", "nowhere", "there"],
        ]  # fmt: skip
        words = case.random.choice(commands)
        try:
            done = environments.start(odd, words, case.folder)
        except subprocess.TimeoutExpired:
            raise FaultError("hang", f"{words} in {name}") from None
        if found := environments.faults(odd, done, (0, 1) if words[0] == "compare" else (0,)):
            raise FaultError("traceback", f"{' '.join(map(str, words))}: {'; '.join(found)}")

    return run


# Hostile servers ------------------------------------------------------------------------------------------------------


def server(case: Case) -> None:
    """Fetch from a server that lies, stops, drips, redirects or never ends: refused in time, and nothing is left."""
    from helpers.published_file import DATA, SHA256, convert

    from refnet.errors import RefnetError
    from refnet.hub import fetch
    from refnet.weights import releases

    chance = case.random
    part = DATA[: chance.randrange(len(DATA))]
    wrong = bytes(reversed(DATA))
    kinds: list[Any] = [
        answers.good(DATA, pieces=chance.randint(1, 9)), answers.good(wrong), answers.good(part), answers.good(b""),
        answers.cut(part, len(DATA)), answers.unmeasured(part), answers.unmeasured(DATA), answers.encoded(DATA),
        *(answers.status(code) for code in (204, 206, 301, 403, 404, 416, 429, 500, 503)),
        *(answers.status(302, Location=to) for to in ("/there", "//", "file:///etc/passwd", "http://[", "ftp://x/y")),
        *(answers.with_length(text) for text in ("-1", "x", "1e9", "99999999999999999999", "")),
        *(answers.spoken(words) for words in (b"", b"\r\n" * 50, b"HTTP/1.1", chance.randbytes(300))),
        answers.endless, answers.endless_redirection, answers.silent(1),
        answers.dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), answers.dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"y"),
    ]  # fmt: skip
    cache = case.folder / "cache"
    known = releases.find("b1@timm-tf:aa")
    with answers.serving() as hostile, _impatient(), patch.object(fetch, "_convert", convert):
        hostile.answers[:] = chance.choices(kinds, k=chance.randint(1, 3))
        address = f"{hostile.address}/b1.pth"
        release = replace(known, file="b1.pth", url=address, bytes=len(DATA), sha256=SHA256)
        changes = {"REFNET_CACHE": str(cache), "NO_PROXY": "127.0.0.1", "REFNET_OFFLINE": "0"}
        with patch.dict(os.environ, changes), patch.object(fetch, "read_named", lambda name, path: None):
            try:
                path = fetch.fetch_release(release)
            except RefnetError as error:
                check_message(str(error))
                path = None
    if path is not None and path.read_bytes() != DATA:
        raise FaultError("wrong", "other bytes than the published ones were taken")
    left = sorted(each.name for each in cache.rglob("*")) if cache.exists() else []
    if path is None and left:
        raise FaultError("leftover", f"in the cache: {left}")


@contextmanager
def _impatient() -> Iterator[None]:
    """Wait half a second where a person would wait a minute."""
    from refnet.hub import download, http

    with (
        patch.object(download, "PAUSES", (0, 0)),
        patch.object(download, "PERIOD", 1.0),
        patch.object(http, "TIMEOUT", 0.5),
    ):
        yield


# Costly files ---------------------------------------------------------------------------------------------------------


def costly(name: str) -> Callable[[Case], None]:
    """Make the attack of a cheap file that costs a careless reader much."""

    def run(case: Case) -> None:
        path = costly_files.write(name, case.folder, case.random.getrandbits(16), 1 << case.random.randint(17, 21))
        size = sum(each.stat().st_size for each in path.rglob("*")) if path.is_dir() else path.stat().st_size
        case.once("refusals", lambda: costly_files.read("labels/one-twice.json", path))  # what is made once is made
        refused_or(lambda: costly_files.READERS[name.partition("/")[0]](path), size)

    return run


def attacks() -> Iterator[Attack]:
    """All of them; environments and costly files are the tests' own tables."""
    yield Attack("servers/hostile", server, seconds=60)
    for name in environments.ENVIRONMENTS:
        yield Attack(f"environments/{name_of(name)[:40]}", environment(name), seconds=140)
    for name in costly_files.FILES:
        yield Attack(f"costly/{name_of(name)}", costly(name), seconds=60)
