"""Object graphs, field by field: parts that are shared, go in circles, or are not there."""

import pytest
from helpers.tf_writer import field, number

from refnet.checkpoints.readers.tensorflow import object_graph
from refnet.checkpoints.readers.tensorflow.object_graph import Object, parse, places
from refnet.errors import CheckpointError


def thing(parts: dict[str, int] | None = None, key: str = "", name: str = "", slots: tuple[int, ...] = ()) -> bytes:
    """One object, as TensorFlow writes it."""
    children = b"".join(field(1, field(1, at) + field(2, part.encode())) for part, at in (parts or {}).items())
    value = field(1, b"VARIABLE_VALUE") + field(2, name.encode()) + field(3, key.encode())
    kept = b"".join(field(3, field(1, 0) + field(2, b"m") + field(3, slot)) for slot in slots)
    return field(1, children + (field(2, value) if key else b"") + kept)


def test_objects():
    found = parse(thing({"a": 1, "b": 1}) + thing({"up": 0}, "a/x", "stem/kernel", slots=(0,)))
    assert found == (Object({"a": 1, "b": 1}), Object({"up": 0}, "a/x", "stem/kernel", (0,)))


def test_the_shortest_way_past_circles_and_what_is_refused():
    objects = parse(
        thing({"long": 1, "short": 3, "away": 4})
        + thing({"self": 1, "next": 2})
        + thing({"root": 0, "end": 3})
        + thing({}, "k", "n")
        + thing({"hidden": 5})
        + thing({}, "h", "h")
    )
    found = list(places(objects, 0, lambda path, number: path[-1] != "away"))
    assert [(place.path, place.variable.key) for place in found] == [(("short",), "k")]
    assert [place.path for place in places(objects, 0)] == [("short",), ("away", "hidden")]
    assert [place.path for place in places(objects, 1)] == [("next", "end"), ("next", "root", "away", "hidden")]


def test_depth_is_bounded():
    chain = b"".join(thing({"next": at + 1}) for at in range(200)) + thing({}, "k", "n")
    assert list(places(parse(chain), 0)) == []
    assert len(list(places(parse(chain), 200 - object_graph.MAX_DEPTH))) == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (thing({"a": 1}), "names object 1 of 1"),
        (thing(slots=(7,)), "names object 7 of 1"),
        (thing({"a": -1}), "names object -1 of 1"),
        (thing({"a" * 2000: 0}), "a name of 2000 letters"),
        (thing({}, "k" * 1025), "a name of 1025 letters"),
        (field(1, field(2, field(1, b"VARIABLE_VALUE")) * 2), "a variable of several values"),
        (thing()[:-1] + number(9), "cut short"),
    ],
)
def test_refused(data, why):
    with pytest.raises(CheckpointError, match=why):
        parse(data)


def test_too_large(monkeypatch):
    monkeypatch.setattr(object_graph, "MAX_BYTES", 3)
    with pytest.raises(CheckpointError, match="more than that of any network"):
        parse(thing({"a": 0}))
