"""The page: the models beside each other, then of each its calibration, mix-ups, surest mistakes and classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from refnet.evaluation.agreement import Agreement
from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.report.drawings import bar, percent
from refnet.evaluation.report.sections import sections
from refnet.files.whole import check_file_target, not_written, whole_file
from refnet.pages import fill
from refnet.pages.text import safe
from refnet.version import __version__

TEMPLATE = Path(__file__).parent / "page.html"
DIFFERENCES = 50  # shown of an agreement


def write_report(found: Sequence[Evaluation], path: Path, agreements: Sequence[Agreement] = ()) -> None:
    """Write evaluations of one data set as one HTML file, whole or not at all; raise InputError if it cannot be."""
    check_target(path)
    with not_written(path), whole_file(path) as unfinished:
        unfinished.write_text(page(found, agreements), encoding="utf-8", newline="\n")


def check_target(path: Path) -> None:
    """Raise InputError if a report cannot be written there, before the work is done."""
    check_file_target(path, ".html", ".htm")


def page(found: Sequence[Evaluation], agreements: Sequence[Agreement] = ()) -> str:
    """Make the page."""
    first = found[0]
    told = [f"{each.model}: {said}" for each in found for said in each.against_published]
    about = {
        "data set": first.data.name,
        "pictures": f"{len(first.data):,}",
        "classes": f"{len(first.data.classes):,}, said by {first.data.said_by}",
        **_matched(found),
        **{f"note {place}": note for place, note in enumerate(first.data.notes, 1)},
    }
    return fill(
        TEMPLATE,
        title=safe(headline(found)),
        said="".join(f'<p class="said">{safe(said)}</p>' for said in told),
        about="".join(f"<dt>{safe(key)}</dt><dd>{safe(value)}</dd>" for key, value in about.items()),
        models="\n".join(map(_row, found)),
        agreement=_agreements(agreements, {each.model: each for each in found}),
        each="\n".join(sections(each, heading=len(found) > 1) for each in found),
        version=safe(__version__),
    )


def headline(found: Sequence[Evaluation]) -> str:
    """Say the most important thing in a line.

    Examples
    --------
    >>> import refnet
    >>> from refnet.evaluation import DataSet, evaluate
    >>> data = DataSet("cats", ("refnet/data/chelsea.png",), ("n02123159",), ("n02123159",), "names of files")
    >>> headline([evaluate(refnet.load("lite0"), data)])
    'lite0 is right on 100.0% of 1 picture in cats'
    """
    pictures = f"{len(found[0].data):,} picture{'s' if len(found[0].data) != 1 else ''}"
    where = f"{pictures} in {Path(found[0].data.name).name or found[0].data.name}"
    if len(found) == 1:
        return f"{found[0].model} is right on {percent(found[0].top1.share)} of {where}"
    return f"Right on {where}: {', '.join(f'{one.model} {percent(one.top1.share)}' for one in found)}"


def _matched(found: Sequence[Evaluation]) -> dict[str, str]:
    """How classes were matched: once, where it is the same for all models."""
    told = {each.truth.told for each in found}
    if len(told) == 1:
        return {"matched": found[0].truth.told}
    return {f"matched, {each.model}": each.truth.told for each in found}


def _row(found: Evaluation) -> str:
    says = found.published
    cells = []
    for share, theirs in ((found.top1, says and says.top1), (found.top5, says and says.top5)):
        if share is None or not share.of:
            cells.append('<td class="n">–</td><td></td><td></td>')
            continue
        low, high = (100 * bound for bound in share.interval)
        drawn = bar(share, None if theirs is None else theirs / 100)
        cells.append(
            f'<td class="n"><b>{percent(share.share, 2)}</b></td><td>{low:.2f} – {high:.2f}</td><td>{drawn}</td>'
        )
    published = "–" if says is None else f"{says.top1:g} / {'–' if says.top5 is None else f'{says.top5:g}'}"
    who = "" if says is None else f' title="{safe(f"{says.release}: {says.measured}")}"'
    speed = found.pictures_per_second
    return (
        f'<tr><th scope="row" title="{safe(f"recipe {found.recipe}")}">{safe(found.model)}</th>{"".join(cells)}'
        f'<td class="n">{percent(found.ece)}</td><td class="n"{who}>{published}</td>'
        f'<td class="n">{len(found.answers.failed):,}</td>'
        f'<td class="n">{"–" if math.isnan(speed) else f"{speed:.1f}"}</td></tr>'
    )


def _agreements(agreements: Sequence[Agreement], found: Mapping[str, Evaluation]) -> str:
    if not agreements:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{safe(each.first)}</th><td>{safe(each.second)}</td>'
        f'<td class="n"><b>{percent(each.same.share, 2)}</b></td><td>{bar(each.same) if each.same.of else ""}</td>'
        f'<td class="n">{each.same.right:,} of {each.same.of:,}</td><td class="n">{each.only_first:,}</td>'
        f'<td class="n">{each.only_second:,}</td><td class="n">{len(each.not_in_first):,}</td>'
        f'<td class="n">{len(each.not_in_second):,}</td></tr>'
        for each in agreements
    )
    differences = "".join(_differences(each, found[each.first]) for each in agreements if each.first in found)
    return (
        '<section><h2>Agreement</h2><p class="explained">How often two give the same class, right or wrong; how often '
        "one of them alone is right; and of how many pictures only the other says something.</p>"
        '<div class="scroll"><table><thead><tr><th>first</th><th>second</th><th class="n">same</th><th></th><th></th>'
        '<th class="n">only first<br>right</th><th class="n">only second<br>right</th>'
        '<th class="n">not in<br>first</th><th class="n">not in<br>second</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{differences}</section>"
    )


def _differences(agreement: Agreement, ours: Evaluation) -> str:
    """The pictures where two differ, folded away."""
    if not agreement.differences:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{safe(ours.data.short(one.file))}</th><td class="name">{safe(ours.name(one.ours))}</td>'
        f'<td class="n">{percent(one.our_value)}</td><td class="name">{safe(ours.name(one.theirs))}</td>'
        f'<td class="n">{percent(one.their_value)}</td></tr>'
        for one in agreement.differences[:DIFFERENCES]
    )
    count = len(agreement.differences)
    more = f"the first {DIFFERENCES} of {count:,}" if count > DIFFERENCES else f"{count:,}"
    return (
        f"<details><summary>{safe(agreement.first)} and {safe(agreement.second)}: where they differ ({more})</summary>"
        f'<div class="scroll tall"><table><thead><tr><th>picture</th><th>{safe(agreement.first)}</th><th></th>'
        f"<th>{safe(agreement.second)}</th><th></th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
