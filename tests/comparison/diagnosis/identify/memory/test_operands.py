"""What an operand is called: the tensor that the computation really reads."""

import numpy as np
from helpers.one_step import PROJECT, Step

from refnet.architecture.names import CONV
from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import computation_of, evaluate, total


def test_a_part_reads_the_part_before_it():
    """Where the sums were dumped, a shift of them is no shift of the whole step's input."""
    one = Step(PROJECT)
    sums = total(one.right, np.float32)
    moved = computation_of(one.step, one.tensors, 1e-3, [np.roll(sums, -1, axis=2)], since=CONV)
    found = diagnose(
        one.step, tensors=one.tensors, eps=1e-3, inputs=[sums], actual=evaluate(moved, np.float32), since=CONV
    )
    sentences = [one.sentence for one in (found, *found.alternatives)]
    assert any(sentence.startswith(f"of {PROJECT}.conv it reads ") for sentence in sentences), sentences
