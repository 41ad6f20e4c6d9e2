"""The operators: each changes what the port computes, and its truth knows an honest sentence from another one."""

import re
import sys

import numpy as np
import pytest
from helpers.places import ROOT

sys.path.append(str(ROOT / "tools"))

from planting.campaign import HALVES, operators
from planting.cases import first_change, ground
from planting.program import run

NETWORKS = ("narrow", "narrow-lite")
SIZE = (64, 64)
SEEDS = 12

# What an honest sentence might say; {0}, {1}, ... are the numbers of what was planted.
SENTENCES = {
    "tap_missing": "the tap in row {0}, column {1} of the kernel is not added",
    "kernel_flipped": "the kernel is turned by 180 degrees",
    "inputs_shifted": "input channels are shifted by {0}",
    "inputs_tail": "the last {0} of {1} input channels are missing from the sum",
    "filters_of_neighbours": "the filters are shifted by {0} channels",
    "two_groups": "computed as 2 groups",
    "border_constant": "the padding is {0}, not 0",
    "symmetric_zeros": "({0}, {0}, {0}, {0}) zeros instead of (0, 1, 0, 1)",
    "strips_without_halo": "the rows around each strip of {0} rows are read as 0",
    "stride_starts_late": "the zeros lie as (-1, 2, -1, 2) would have it",
    "other_eps": "eps is {0}",
    "mean_ignored": "the batch norm does not subtract the mean: it is ignored",
    "norm_of_neighbours": "gamma, beta or variance, the scale or shift, is that of the next channel",
    "hard_swish": "hard swish instead of swish",
    "activation_first": "the activation comes before the batch norm",
    "other_bound": "clipped at {0}",
    "stale_operand": "reads {last}",
    "input_memory_shifted": "the input is shifted by {0} elements in memory",
    "residual_left_out": "the residual is not added",
    "gate_not_squashed": "the sigmoid is missing",
    "other_divisor": "the mean is {0} times what it should be",
    "softmax_of_half": "divided by the sum of the first half",
    "colours_reversed": "the channels are blue, green, red",
    "other_affine": "normalised by mean {0}, std {1}",
    "crop_moved": "the crop is moved by {0} rows and {1} columns",
    "half_pixel": "the resize has half-pixel centres",
    "picture_turned": "the picture is rotated by {0} degrees",
    "inputs_int8": "the input is rounded to 255 levels",
    "rounded_by_chance": "rounded up or down at random",
    "output_on_grid": "rounded to {last}",
    "weights_int8": "the weights have 255 levels",
    "narrow_accumulator": "sums are accumulated in float16",
    "tail_not_written": "the last {0} elements in memory are 0",
    "tile_rows_lost": "in every {1} rows, row {0} is 0",
    "picture_repeated": "picture 1 of the batch equals picture 0",
    "block_twice": "the block runs twice",
    "weights_of_sibling": "its weights are those of {last}",
    "dump_damaged": "the file is damaged; the run goes on with other numbers",
}
WRONG = "the gate of the third stage answers with a delay of 77.7 ticks"


def planted(operator):
    """Plant it in small networks until it shows."""
    source = "batch" if operator.sources == ("batch",) else "codes" if "noise" not in operator.sources else "noise"
    for seed in range(SEEDS):
        for network in NETWORKS:
            here = ground(network, SIZE, source, False)
            planting = operator.plant(here.right.program, np.random.default_rng(seed))
            if planting is not None:
                ours = run(planting.program, here.source, known=here.right)
                changed = first_change(ours.tensors, here.right.tensors, here.noise, here.plan)
                if changed is not None:
                    return planting, changed
    return None


@pytest.mark.parametrize("half", HALVES)
def test_each_changes_something_and_nothing_before_it(half):
    for operator in operators(half):
        found = planted(operator)
        assert found is not None, operator.name
        planting, changed = found
        place = planting.said.partition(":")[0].split()[0]
        assert changed.startswith(place) or operator.family in ("control", "dumps"), (planting.said, changed)


@pytest.mark.parametrize("operator", operators("open"), ids=lambda operator: operator.name)
def test_truths(operator):
    said = planted(operator)[0].said
    words = said.partition(": ")[2] or said
    numbers = re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e-?\d+)?", words)
    sentence = SENTENCES[operator.name].format(*[number.lstrip("+") for number in numbers], last=words.split()[-1])
    truth = planted(operator)[0].truth
    assert truth.matches(sentence), (truth, sentence)
    assert not truth.matches(WRONG)
    assert not truth.matches("no known mistake gives these figures")


def test_halves_are_alike():
    one, other = (operators(half) for half in HALVES)
    assert len(one) == len(other) >= 22
    assert sorted(operator.family for operator in one) == sorted(operator.family for operator in other)
    assert not {operator.name for operator in one} & {operator.name for operator in other}
