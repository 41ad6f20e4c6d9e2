"""README's console session, command by command. Its Python examples run as doctests."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from refnet.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def sessions() -> list[tuple[str, str]]:
    """Each command in README's console blocks, with the output shown below it."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return [match for block in blocks for match in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


@pytest.mark.parametrize(("command", "output"), sessions())
def test_the_console_shows_what_readme_says(
    command: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(command)
    assert program == "refnet"
    assert main(arguments) == 0
    assert capsys.readouterr().out == output


def test_there_is_something_to_test() -> None:
    assert len(sessions()) == 2
    assert README.count("\npython3 -m venv") == 2


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
