"""The rooms of refnet/ as a picture: on each floor the rooms that import only from the floors below.

python tools/draw_rooms.py [SVG]

A room is a folder or a file in refnet/. Imports are read from the source, those inside functions too; what is imported
for type checking only does not count. "refnet" is the door, refnet/__init__.py, which hands on what is public; a room
that takes something from there is not drawn above it.
"""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "refnet"
PICTURE = ROOT / "docs" / "images" / "rooms.svg"

WIDTH, ROOM, FLOOR, GAP = 560, 34, 72, 14  # pixels: of the picture, a room's height, from floor to floor, between rooms
LETTER = 7.6  # width of one
STYLE = """
text { font: 13px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; fill: #1f2937; }
rect { fill: #eef2ff; stroke: #6366f1; rx: 6px; }
path { fill: none; stroke: #64748b; stroke-opacity: 0.35; }
.floor { fill: #64748b; text-anchor: start; font-size: 11px; }
svg { background: #ffffff; }
"""


def room_of(module: str) -> str:
    """Name the room of a module: refnet.golden.record is in golden, refnet itself in the room of that name."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "refnet"


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module of refnet that a file imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "refnet":
            in_root = node.module == "refnet"
            yield from (f"refnet.{alias.name}" if in_root else node.module for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "refnet")
        else:
            yield from imported(node)


def find_rooms() -> dict[str, set[str]]:
    """For each room the rooms that it imports."""
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in files.items()}
    rooms: dict[str, set[str]] = {room_of(module): set() for module in modules}
    for module, path in modules.items():
        room = room_of(module)
        wanted = {room_of(name) for name in imported(ast.parse(path.read_text("utf-8")))}
        rooms[room] |= {name for name in wanted if name in rooms} - {room}  # a name that is no room is public: the door
    return rooms


def find_floors(rooms: dict[str, set[str]]) -> list[list[str]]:
    """Rooms by floor, the ground floor first; a circle of imports is an error."""
    level: dict[str, int] = {}
    for room in TopologicalSorter(rooms).static_order():
        level[room] = max((level[other] + 1 for other in rooms[room]), default=0)
    return [sorted(room for room in rooms if level[room] == floor) for floor in range(max(level.values()) + 1)]


def direct(rooms: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """The imports that no detour through other rooms implies: all of them would be a thicket."""

    def reached(room: str) -> set[str]:
        return rooms[room] | {far for other in rooms[room] for far in reached(other)}

    for room, others in sorted(rooms.items()):
        implied = {far for other in others for far in reached(other)}
        yield from ((room, other) for other in sorted(others - implied))


def draw(rooms: dict[str, set[str]]) -> str:
    """The picture as SVG."""
    floors = find_floors(rooms)
    height = len(floors) * FLOOR + GAP
    place: dict[str, tuple[float, float, float]] = {}
    for number, floor in enumerate(floors):
        widths = [len(room) * LETTER + 2 * GAP for room in floor]
        left = (WIDTH - sum(widths) - GAP * (len(floor) - 1)) / 2
        for room, width in zip(floor, widths, strict=True):
            place[room] = (left, height - (number + 1) * FLOOR + GAP, width)
            left += width + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>The rooms of refnet, {len(floors)} floors</title>",
        f"<style>{STYLE}</style>",
    ]
    for upper, lower in direct(rooms):
        (x0, y0, w0), (x1, y1, w1) = place[upper], place[lower]
        start, end, half = x0 + w0 / 2, x1 + w1 / 2, (y1 - y0 - ROOM) / 2
        bottom = y0 + ROOM
        lines.append(
            f'<path d="M {start:.0f} {bottom:.0f} C {start:.0f} {bottom + half:.0f} '
            f'{end:.0f} {y1 - half:.0f} {end:.0f} {y1:.0f}"/>'
        )
    lines += [
        f'<text class="floor" x="4" y="{height - (number + 1) * FLOOR + GAP + 21}">{number}</text>'
        for number in range(len(floors))
    ]
    for room, (x, y, width) in place.items():
        lines.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{ROOM}"/>')
        lines.append(f'<text x="{x + width / 2:.0f}" y="{y + 21:.0f}">{room}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    target.write_text(draw(find_rooms()), "utf-8")
