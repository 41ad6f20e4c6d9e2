"""README's console session, command by command. Its Python examples run as doctests."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.places import ROOT
from helpers.programs import need

from refnet.cli import main

README = (ROOT / "README.md").read_text("utf-8")


def sessions() -> list[list[tuple[str, str]]]:
    """README's console blocks: each command, with the output shown below it."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return [re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE) for block in blocks]


@pytest.mark.parametrize("session", sessions(), ids=lambda session: session[-1][0])
def test_the_console_shows_what_readme_says(
    session: list[tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("refnet").symlink_to(ROOT / "refnet")
    for command, output in session:
        if command.startswith("refnet "):
            wrong = "\nfirst wrong: " in output
            assert main(shlex.split(command)[1:]) == wrong
            assert capsys.readouterr().out == output
        elif command != "pip install .":  # README's first command does it
            need("gcc", "make")
            subprocess.run(["bash", "-c", command], check=True)


def recordings() -> list[str]:
    """README's list of what can be recorded, a command each."""
    (block,) = re.findall(r"```sh\n(refnet golden .*?)```", README, re.DOTALL)
    return [line.partition("#")[0].strip() for line in block.splitlines()]


@pytest.mark.parametrize("line", recordings())
def test_every_recording_can_be_made(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.ones((1, 28, 28, 144), np.float32))
    for command in line.split(" && "):
        program, *arguments = shlex.split(command)
        if program == "refnet":
            assert main(arguments) == 0
            assert capsys.readouterr().err == ""
        else:
            need("gcc", "make")
            subprocess.run([program, *arguments], check=True)


def test_there_is_something_to_test() -> None:
    assert len(recordings()) == 7
    assert [len(session) for session in sessions()] == [2, 5]
    assert README.count("\npython3 -m venv") == 2


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
