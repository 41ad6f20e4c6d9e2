"""The picture of the rooms: that of this source, and described."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest
from helpers.places import ROOT

SPEC = importlib.util.spec_from_file_location("draw_rooms", ROOT / "tools" / "draw_rooms.py")
assert SPEC is not None
assert SPEC.loader is not None
draw_rooms = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(draw_rooms)


@pytest.fixture(scope="module")
def rooms() -> Any:
    return draw_rooms.find_rooms()


def test_the_picture_in_docs_is_up_to_date(rooms: Any) -> None:
    shown = (ROOT / "docs" / "images" / "rooms.svg").read_text("utf-8")
    assert draw_rooms.draw(rooms) == shown, "draw it again: python tools/draw_rooms.py"


def test_docs_describe_every_room(rooms: Any) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    first_cells = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == set(rooms)


def test_a_room_stands_above_all_that_it_imports(rooms: Any) -> None:
    floor = {room: number for number, floor in enumerate(draw_rooms.find_floors(rooms)) for room in floor}
    assert all(floor[room] > floor[other] for room, others in rooms.items() for other in others)
    assert floor["errors"] == 0


def test_imports_that_others_imply_are_not_drawn() -> None:
    rooms = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert list(draw_rooms.direct(rooms)) == [("a", "b"), ("b", "c")]
    assert draw_rooms.find_floors(rooms) == [["c"], ["b"], ["a"]]
