import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant


@pytest.mark.parametrize(
    ("stage", "repeat", "name"),
    [
        (1, 0, "block1a"),
        (7, 3, "block7d"),
        (6, 25, "block6z"),
        (6, 26, "block6aa"),
        (6, 51, "block6az"),
        (6, 52, "block6ba"),
        (6, 26 + 26**2 - 1, "block6zz"),
        (6, 26 + 26**2, "block6aaa"),
    ],
)
def test_block_names(stage, repeat, name):
    assert names.block_name(stage, repeat) == name


def test_repeats_are_counted_in_words():
    """a, b, … z, aa, ab, …: all words of one letter, then all of two, in order, as in a spreadsheet."""
    words = ("".join(w) for n in itertools.count(1) for w in itertools.product(string.ascii_lowercase, repeat=n))
    for repeat, word in enumerate(itertools.islice(words, 1000)):
        assert names.block_name(3, repeat) == f"block3{word}"


WORD = st.text(string.ascii_lowercase + string.digits, min_size=1)


@given(WORD, WORD, WORD)
def test_a_key_is_its_steps_name_with_slashes(whole, part, leaf):
    step = names.part_name(whole, part)
    assert step == f"{whole}.{part}"
    assert names.weight_key(step, leaf) == f"{whole}/{part}/{leaf}"
    assert names.weight_key(whole, leaf) == f"{whole}/{leaf}"


def test_examples_of_the_design():
    plan = make_plan(variant("b0"))
    assert set(plan.shapes) >= {
        "stem", "block1a.depthwise", "block1a.squeeze", "block1a.excite", "block1a.project", "block2a.expand",
        "block2b.add", "head", "pool", "logits", "probabilities",
        "stem.conv", "stem.bn", "stem.act", "block2a.expand.conv", "block1a.project.bn",
    }  # fmt: skip
    assert {weight.key for weight in plan.weights} >= {
        "stem/kernel",
        "block1a/depthwise/kernel",
        "block1a/depthwise/bn/gamma",
        "block1a/reduce/bias",
        "logits/kernel",
        "logits/bias",
    }
    assert names.INPUT not in plan.shapes
