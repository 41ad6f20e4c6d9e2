"""Tables as a person sees them: plain and whole in a pipe, as wide as the terminal on one."""

import warnings

import pytest
from helpers.terminals import COLUMNS, run_in_terminal, screen

from refnet.cli import terminal
from refnet.cli.terminal import _blocks

ROWS = [["model", "size", "where it is"], ["b0", "1,234", "/home/猫/weights/b0.h5"], ["三毛猫", "5", "-"]]
PIPE = """\
model    size  where it is
b0      1,234  /home/猫/weights/b0.h5
三毛猫      5  -
"""
FOLDED = """\
model    size  where it is
b0      1,234  /home/猫/wei
               ghts/b0.h5
三毛猫      5  -
"""
SPLIT = """\
model    size
b0      1,234
三毛猫      5

model   where it
        is
b0      /home/猫/w
        eights/b0.
        h5
三毛猫  -
"""


def test_in_a_pipe_nothing_is_folded(capsys):
    terminal.print_columns("<><", ROWS, header=True)
    assert capsys.readouterr().out == PIPE


@pytest.mark.parametrize(("columns", "shown"), [(70, PIPE), (27, FOLDED), (18, SPLIT)])
def test_on_a_terminal_it_keeps_to_the_width(tmp_path, columns, shown):
    program = f"from refnet.cli import terminal; terminal.print_columns('<><', {ROWS}, header=True)"
    code, seen = run_in_terminal("-c", program, where=tmp_path, COLUMNS=str(columns))
    assert code == 0
    assert screen(seen) == [*shown.splitlines(), ""]


ANSWERS = [["80.00%", "golden retriever", "n02099601"], ["9.30%", "tabby", "n02123045"]]


@pytest.mark.parametrize("room", [{"COLUMNS": "27"}, {"COLUMNS": "27", "TERM": "dumb"}])
def test_lines_end_where_their_text_ends_and_keep_to_any_terminal(tmp_path, room):
    program = f"from refnet.cli import terminal; terminal.print_columns('<><', {ROWS})"
    code, seen = run_in_terminal("-c", program, where=tmp_path, **room)
    assert code == 0
    assert seen.split("\r\n") == [*FOLDED.splitlines(), ""]


def test_a_dumb_terminal_has_the_width_that_it_says(tmp_path):
    program = "from refnet.cli import terminal; terminal.print_columns('<<', [['a', 'b' * 100]])"
    code, seen = run_in_terminal("-c", program, where=tmp_path, TERM="dumb", COLUMNS="")
    assert code == 0
    assert screen(seen) == ["a  " + "b" * (COLUMNS - 3), "   " + "b" * (103 - COLUMNS), ""]


def test_a_label_stays_beside_its_percentage(tmp_path):
    program = f"from refnet.cli import terminal; terminal.print_columns('><<', {ANSWERS}, key=2)"
    code, seen = run_in_terminal("-c", program, where=tmp_path, COLUMNS="30")
    assert code == 0
    assert screen(seen) == ["80.00%  golden       n02099601", "        retriever", " 9.30%  tabby        n02123045", ""]


def test_each_block_of_the_published_files_says_whose_they_are(tmp_path):
    code, seen = run_in_terminal("-m", "refnet", "info", "--published", "b0", where=tmp_path, COLUMNS="60")
    assert code == 0
    table, rest, *_ = "\n".join(screen(seen)).split("\n\n")
    assert table.splitlines()[0].split() == ["model", "publisher", "size", "bytes", "hash", "top-1"]
    assert rest.splitlines()[0].split() == ["model", "publisher"]
    keys = [line.split()[:2] for line in rest.splitlines()]
    assert len(set(map(tuple, keys))) == len(keys)
    assert ["b0", "timm-tf:aa", "default"] in [line.split() for line in rest.splitlines()]


@pytest.mark.parametrize(("least", "room", "blocks"), [
    ([5, 10, 10, 10], 99, [[0, 1, 2, 3]]),
    ([5, 10, 10, 10], 41, [[0, 1, 2, 3]]),
    ([5, 10, 10, 10], 40, [[0, 1, 2], [0, 3]]),
    ([5, 10, 10, 10], 3, [[0, 1], [0, 2], [0, 3]]),
    ([5], 3, [[0]]),
])  # fmt: skip
def test_columns_without_room_follow_below(least, room, blocks):
    assert _blocks(least, room) == blocks


@pytest.mark.parametrize(("room", "blocks"), [
    (99, [[0, 1, 2, 3]]),
    (30, [[0, 1, 2], [0, 1, 3]]),
    (3, [[0, 1, 2], [0, 1, 3]]),
])  # fmt: skip
def test_they_follow_behind_all_columns_of_the_key(room, blocks):
    assert _blocks([5, 10, 10, 10], room, key=2) == blocks


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_an_error_is_red_where_colours_are_welcome(tmp_path, environment, coloured):
    arguments = ("-m", "refnet", "info", "b9")
    code, seen = run_in_terminal(*arguments, where=tmp_path, TERM="xterm-256color", **environment)
    assert code == 2
    assert ("\x1b[1;31mrefnet: error:" in seen) == coloured
    assert screen(seen)[0].startswith("refnet: error: unknown model 'b9'")


def test_what_pillow_says_of_a_picture_is_no_line_of_a_command(capsys):
    """Of the EXIF in an AVIF it warns for each entry, before anybody else has seen it."""
    with terminal.reporting():
        for place in range(100):
            warnings.warn_explicit(f"entry {place}", UserWarning, "file.py", 1, module="PIL.TiffImagePlugin")
        warnings.warn_explicit("heard", UserWarning, "file.py", 1, module="refnet.network")
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == ["heard"]
