"""Tables as a person sees them: plain and whole in a pipe, as wide as the terminal on one."""

import pytest
from helpers.terminals import run_in_terminal, screen

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


@pytest.mark.parametrize(("least", "room", "blocks"), [
    ([5, 10, 10, 10], 99, [[0, 1, 2, 3]]),
    ([5, 10, 10, 10], 41, [[0, 1, 2, 3]]),
    ([5, 10, 10, 10], 40, [[0, 1, 2], [0, 3]]),
    ([5, 10, 10, 10], 3, [[0, 1], [0, 2], [0, 3]]),
    ([5], 3, [[0]]),
])  # fmt: skip
def test_columns_without_room_follow_below(least, room, blocks):
    assert _blocks(least, room) == blocks


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_an_error_is_red_where_colours_are_welcome(tmp_path, environment, coloured):
    arguments = ("-m", "refnet", "info", "b9")
    code, seen = run_in_terminal(*arguments, where=tmp_path, TERM="xterm-256color", **environment)
    assert code == 2
    assert ("\x1b[1;31mrefnet: error:" in seen) == coloured
    assert screen(seen)[0].startswith("refnet: error: unknown model 'b9'")
