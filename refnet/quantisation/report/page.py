"""The page: how near each step of an integer network comes to the float one."""

from __future__ import annotations

import math
from pathlib import Path

from refnet.files.whole import check_file_target, not_written, whole_file
from refnet.pages import fill
from refnet.pages.text import number, safe
from refnet.quantisation.nearness import Nearness, StepNearness
from refnet.quantisation.report.verdict import GOOD_SNR, headline, warnings, worst
from refnet.version import __version__
from refnet.weights.quantised import QuantisedWeights

TEMPLATE = Path(__file__).parent / "page.html"
BAR, LINE = 160, 16  # pixels: width and height of a bar
MOST = 50.0  # dB, as long as a bar becomes


def check_target(path: Path) -> None:
    """Raise InputError if a page cannot be written there, before the work is done."""
    check_file_target(path, ".html", ".htm")


def write_page(weights: QuantisedWeights, nearness: Nearness, path: Path) -> None:
    """Write the page, whole or not at all."""
    check_target(path)
    with not_written(path), whole_file(path) as unfinished:
        unfinished.write_text(page(weights, nearness), encoding="utf-8", newline="\n")


def page(weights: QuantisedWeights, nearness: Nearness) -> str:
    """Make the page."""
    least, told = worst(nearness), list(warnings(nearness, weights.calibration))
    return fill(
        TEMPLATE,
        kind="bad" if told else "good",
        title=safe(f"{weights.architecture.name} in int8: {headline(nearness)}"),
        said="".join(f'<p class="said">{safe(each)}</p>' for each in told),
        about="".join(f"<dt>{safe(key)}</dt><dd>{safe(value)}</dd>" for key, value in _about(weights).items()),
        worst=safe(f"{least.name}, {least.snr:.1f} dB"),
        steps="\n".join(map(_row, nearness.steps)),
        version=safe(__version__),
    )


def _about(weights: QuantisedWeights) -> dict[str, str]:
    calibration = weights.calibration
    beside = [
        *(["channels equalised"] if calibration.equalised else []),
        *(["biases corrected"] if calibration.bias_corrected else []),
    ]
    return {
        "rounds as": weights.engine.name,
        "ranges": f"{calibration.method}, of {calibration.pictures:,} picture{'s' * (calibration.pictures != 1)}",
        "weights": f"a scale for each {calibration.per}",
        **({"beside": ", ".join(beside)} if beside else {}),
        "made of": f"{weights.provenance.publisher}, {calibration.weights_digest}",
        "pictures": calibration.pictures_digest,
        "digest": weights.digest(),
    }


def _row(step: StepNearness) -> str:
    least, most = step.range
    clipped = f"{step.clipped_share:.3%}" if step.clipped else "0"
    return (
        f'<tr><th scope="row">{safe(step.name)}</th><td>{safe(step.kind)}</td>'
        f'<td class="n">{number(step.low)}</td><td class="n">{number(step.high)}</td>'
        f'<td class="n">{number(least)}</td><td class="n">{number(most)}</td>'
        f'<td class="n">{number(float(step.codes.scale))}</td><td class="n">{step.codes.zero_point}</td>'
        f'<td class="n">{clipped}</td><td class="n">{_decibels(step.snr)}</td><td>{_bar(step.snr)}</td></tr>'
    )


def _decibels(snr: float) -> str:
    return f"{snr:.1f}" if math.isfinite(snr) else number(snr)


def _bar(snr: float) -> str:
    """Draw the signal to noise, from 0 dB on.

    Examples
    --------
    >>> 'class="low"' in _bar(3.0), 'class="low"' in _bar(30.0)
    (True, False)
    """
    width = min(max(snr, 0.0), MOST) / MOST * BAR
    kind = "low" if snr < GOOD_SNR else "snr"
    return (
        f'<svg class="bar" viewBox="0 0 {BAR} {LINE}" role="img"><title>{safe(_decibels(snr))} dB</title>'
        f'<rect class="{kind}" y="4" width="{width:.1f}" height="{LINE - 8}"/></svg>'
    )
