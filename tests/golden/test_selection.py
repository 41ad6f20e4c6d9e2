"""Selection: names, globs and parts, in execution order, and one clear error for each that is wrong."""

from __future__ import annotations

import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.errors import InputError
from refnet.golden.selection import Selection, select, without_given

PLAN = make_plan(variant("b0"), (33, 64))


def chosen(*patterns, **options):
    return [name for name, _ in select(PLAN, patterns, **options)]


def test_everything():
    assert [name for name, _ in select(PLAN)] == [step.name for step in PLAN]
    assert [name for name, _ in select(PLAN, unfused=True)] == list(PLAN.shapes)


def test_execution_order_whatever_the_order_of_asking():
    assert chosen("logits, stem", "block1a.gate") == ["stem", "block1a.gate", "logits"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("block3*.depthwise", ["block3a.depthwise", "block3b.depthwise"]),
        ("block?b.add", ["block2b.add", "block3b.add", "block4b.add", "block5b.add", "block6b.add"]),
        ("block1a.*.conv", ["block1a.depthwise.conv", "block1a.project.conv"]),
        ("stem.bn", ["stem.bn"]),
        (" stem ,, head ", None),
    ],
)
def test_patterns(pattern, names):
    if names is None:
        with pytest.raises(InputError, match="want names or globs with commas between them"):
            chosen(pattern)
    else:
        assert chosen(pattern) == names


def test_the_whole_input_is_in_every_golden():
    assert chosen("input, stem") == ["stem"]


def test_unfused_steps_bring_their_parts():
    assert chosen("stem", "pool", unfused=True) == ["stem.conv", "stem.bn", "stem.act", "stem", "pool"]
    assert chosen("block1a.project", unfused=True) == [
        "block1a.project.conv", "block1a.project.bn", "block1a.project",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("stem[:, 0:8, 0:8, 16:32]", ((0, 2), (0, 8), (0, 8), (16, 32))),
        ("stem[1]", ((1, 2), (0, 17), (0, 32), (0, 32))),
        ("stem[:,16:,:4]", ((0, 2), (16, 17), (0, 4), (0, 32))),
        ("logits [0:1, 999]", ((0, 1), (999, 1000))),
    ],
)
def test_parts(text, part):
    assert select(PLAN, [text], batch=2) == [Selection(text.partition("[")[0].strip(), part)]


def test_part_with_commas_among_other_patterns():
    assert [len(part) for _, part in select(PLAN, ["stem[:, 0:8],logits[0],head"])] == [4, 0, 2]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("stm", "b0 has no step 'stm'; did you mean stem"),
        ("input[:, 0:8]", "b0 has no step 'input'"),
        ("picture", "b0 has no step 'picture'"),
        ("block9*", r"b0 has no step 'block9\*'; .*`refnet plan b0` lists them"),
        ("stem[:, 0:18]", r"stem\[:, 0:18\]: 0:18 is not inside an axis of 17; it is \[1, 17, 32, 32\]"),
        ("stem[:, 5:5]", "5:5 is not inside an axis of 17"),
        ("stem[1]", "1 is not inside an axis of 1"),
        ("stem[::2]", "cannot read '::2'; want a range such as 0:8, a number or :"),
        ("stem[-1]", "cannot read '-1'"),
        ("stem[]", "cannot read ''"),
        ("pool[0, 0, 0]", r"3 ranges; the tensor has 2 axes, \[1, 1280\]"),
        ("stem[0", "want names or globs with commas between them"),
        ("stem, stem[0, 0]", "stem is asked for in two ways"),
        ("", "no steps are asked for"),
    ],
)
def test_refused(pattern, message):
    with pytest.raises(InputError, match=message):
        chosen(pattern)


def test_continued():
    everything = select(PLAN, unfused=True)
    names = [name for name, _ in without_given(PLAN, everything, ["block2b.expand"], everything=True)]
    assert names[:2] == ["block2b.depthwise.conv", "block2b.depthwise.bn"]
    assert names == list(PLAN.shapes)[list(PLAN.shapes).index("block2b.depthwise.conv") :]
    asked = select(PLAN, ["stem", "pool", "block2b.expand"])
    assert without_given(PLAN, asked, ["block2b.expand"], everything=False) == [Selection("stem"), Selection("pool")]


def test_continued_beside_a_residual():
    names = [name for name, _ in without_given(PLAN, select(PLAN), ["block2b.gate"], everything=True)]
    assert names[:3] == ["block2b.excite", "block2b.project", "block2b.add"]


@pytest.mark.parametrize(
    ("given", "message"), [("probabilities", "nothing to compute after probabilities"), ("input", "cannot resume at")]
)
def test_nothing_to_continue(given, message):
    with pytest.raises(InputError, match=message):
        without_given(PLAN, select(PLAN), [given], everything=True)
