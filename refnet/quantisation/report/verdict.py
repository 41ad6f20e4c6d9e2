"""What a nearness means, in sentences, and what may help."""

from __future__ import annotations

from collections.abc import Iterator

from refnet.quantisation.nearness import Nearness, StepNearness
from refnet.weights.quantised import Calibration

GOOD_SHARE = 0.97  # of pictures with the same answer
GOOD_SNR = 10.0  # dB, of the numbers that the answer is made of


def headline(nearness: Nearness) -> str:
    """The most important thing in a line.

    Examples
    --------
    >>> headline(Nearness((), 50, 49, 0.1))
    'the same answer as in float32 on 49 of 50 pictures'
    """
    of = "1 picture" if nearness.pictures == 1 else f"{nearness.pictures:,} pictures"
    if nearness.same is None:
        return f"the answer is off by {nearness.farthest:.3g} at most, on {of}"
    return f"the same answer as in float32 on {nearness.same:,} of {of}"


def last(nearness: Nearness) -> StepNearness:
    """The step that the answer is made of: the last but a softmax."""
    return next(step for step in reversed(nearness.steps) if step.kind != "softmax")


def worst(nearness: Nearness) -> StepNearness:
    """The step with the least signal to noise."""
    return min(nearness.steps, key=lambda step: step.snr)


def warnings(nearness: Nearness, calibration: Calibration) -> Iterator[str]:
    """What should keep people from using the network as it is, and what may help."""
    share, snr = nearness.same_share, last(nearness).snr
    bad = [f"another answer on {nearness.pictures - (nearness.same or 0):,} of {nearness.pictures:,} pictures"]
    bad = bad if share is not None and share < GOOD_SHARE else []
    if snr < GOOD_SNR:
        bad.append(f"{last(nearness).name} comes with {snr:.1f} dB, noise of {10 ** (-snr / 20):.0%} of the signal")
    if bad:
        untried = [
            *(["--per channel"] if calibration.per == "tensor" else []),
            *([] if calibration.bias_corrected else ["--correct-bias"]),
            *([] if calibration.method == "mse" else ["--method mse"]),
            *([] if calibration.equalised else ["--equalise"]),
        ]
        help = (
            f"; {', '.join(untried)} may help"
            if untried
            else "; training with quantisation may help, which is not here"
        )
        yield "; ".join(bad) + help
