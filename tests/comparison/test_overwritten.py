"""Tensors that hold what a later step wrote: said once, and nothing is judged by them."""

import numpy as np
import pytest

from refnet.comparison import compare


def first(tensor):
    return np.moveaxis(tensor, -1, 1)


def outcomes(found):
    return {row.name: row.outcome for row in found.tensors}


def about(found):
    return [finding.text for finding in found.findings if finding.kind == "overwritten"]


def test_a_buffer_that_a_later_step_used(recorded, port):
    """`squeeze` has as many numbers as `gate`; `depthwise` as many as `excite`."""
    changed = {
        "block1a.depthwise": first(recorded.tensors["block1a.excite"]),
        "block1a.squeeze": recorded.tensors["block1a.gate"],
    }
    found = compare(recorded.path, port(changed))
    (text,) = about(found)
    assert text.startswith(
        "2 tensors hold, bit for bit, what a later step wrote: block1a.depthwise holds block1a.excite, "
        "block1a.squeeze holds block1a.gate. "
    )
    wrong = [name for name, outcome in outcomes(found).items() if outcome == "wrong"]
    assert wrong == ["block1a.depthwise", "block1a.squeeze"]
    assert found.diagnoses == {}
    assert found.verdict == (
        "first wrong: block1a.depthwise (tensor 3 of 12): it holds block1a.excite: overwritten before it was dumped"
    )
    assert {row.name: row.run_from for row in found.tensors}["block1a.excite"] == ("stem", "block1a.gate")
    assert found.to_json()["tensors"][2]["holds"] == "block1a.excite"


def test_after_another_mistake(recorded, port):
    """The later one is right of what the port had before it, though not end to end."""
    made = {"stem": recorded.tensors["stem"] * 2}
    made |= dict(recorded.net.resume(made, [*list(recorded.tensors)[2:]], size=(40, 56)))
    made["block1a.depthwise"] = made["block1a.excite"]
    changed = {name: first(tensor) for name, tensor in made.items()}
    found = compare(recorded.path, port(changed))
    assert [row.name for row in found.wrong_by_themselves] == ["stem"]
    assert {row.name: row.holds for row in found.tensors if row.holds} == {"block1a.depthwise": "block1a.excite"}


@pytest.mark.parametrize("also_wrong", [False, True])
def test_a_step_that_hands_on_its_input(recorded, port, also_wrong):
    """A gate that is left out: `excite` is `depthwise`. That is a mistake of the step, whatever came before."""
    depthwise = recorded.tensors["block1a.depthwise"] * np.float32(1.5 if also_wrong else 1)
    made = {"block1a.depthwise": depthwise, "block1a.excite": depthwise}
    made |= dict(recorded.net.resume({"block1a.excite": depthwise}, ["block1a.project"], size=(40, 56)))
    found = compare(recorded.path, port({name: first(tensor) for name, tensor in made.items()}))
    assert about(found) == []
    assert "block1a.excite" in [row.name for row in found.wrong_by_themselves]


def test_constants_are_no_others(recorded, port):
    zeros = {name: recorded.tensors[name] * 0 for name in ("block1a.squeeze", "block1a.gate")}
    assert about(compare(recorded.path, port(zeros))) == []
