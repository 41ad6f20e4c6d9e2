"""The sections of one model: calibration, mix-ups, surest mistakes, every class, pictures that could not be read."""

from __future__ import annotations

import math
from pathlib import PurePath

from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.report.drawings import bar, diagram, percent
from refnet.evaluation.report.thumbnails import thumbnail
from refnet.pages.text import safe

MISTAKES, CONFUSIONS, FAILED = 24, 40, 200  # shown at most


def sections(found: Evaluation, *, heading: bool) -> str:
    """Say all of one model; ``heading`` where there are several."""
    title = f'<h2 class="model">{safe(found.model)}</h2>' if heading else ""
    beside = f'<div class="two">{_calibration(found)}{_confusions(found)}</div>'
    return f"{title}{beside}{_mistakes(found)}{_classes(found)}{_failed(found)}"


def _calibration(found: Evaluation) -> str:
    if not found.calibration:
        return ""
    return (
        '<section><h2>Calibration</h2><p class="explained">Answers by how sure they are. Blue: how many of them are '
        "right. <b>Red</b> is how much too sure they are, <b>green</b> how much not sure enough; on the dashed line "
        f"all is well. Expected calibration error: <b>{percent(found.ece, 2)}</b>.</p>"
        f"{diagram(found.calibration)}</section>"
    )


def _confusions(found: Evaluation) -> str:
    pairs = found.confusions
    if not pairs:
        return ""
    rows = "".join(
        f'<tr><td class="name">{safe(found.name(each.truth))}</td><td class="name">{safe(found.name(each.answer))}</td>'
        f'<td class="n">{each.times:,}</td><td class="n">{each.back:,}</td>'
        f'<td class="n">{percent(each.costs, 2)}</td></tr>'
        for each in pairs[:CONFUSIONS]
    )
    more = f" The first {CONFUSIONS} of {len(pairs):,}." if len(pairs) > CONFUSIONS else ""
    return (
        '<section><h2>What is taken for what</h2><p class="explained">Pairs of classes, and what share of all pictures '
        f"their mix-ups, both ways, cost.{more}</p>"
        '<div class="scroll tall"><table><thead><tr><th>class</th><th>taken for</th><th class="n">times</th>'
        f'<th class="n">back</th><th class="n">costs</th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _mistakes(found: Evaluation) -> str:
    places = found.mistakes(MISTAKES)
    if not places:
        return ""
    figures = "".join(_mistake(found, place) for place in places)
    return f'<section><h2>The surest mistakes</h2><div class="mistakes">{figures}</div></section>'


def _mistake(found: Evaluation, place: int) -> str:
    file = found.data.files[place]
    picture = thumbnail(file)
    shown = f'<img alt="" src="{picture}">' if picture else "not readable now"
    value = float(found.answers.values[place, 0])
    sure = "" if math.isnan(value) else f" {percent(value)}" if 0 <= value <= 1 else f" {value:.3g}"
    return (
        f'<figure><div class="frame">{shown}</div><figcaption>'
        f'<span class="answer">{safe(found.name(int(found.answers.best[place])))}</span>{sure}<br>'
        f"is <b>{safe(found.name(int(found.truth.classes[place])))}</b>"
        f'<code title="{safe(file)}">{safe(PurePath(file).name)}</code></figcaption></figure>'
    )


def _classes(found: Evaluation) -> str:
    deep = any(each.top5 for each in found.by_class)
    rows = "".join(
        f'<tr><th scope="row">{safe(found.name(each.index))}</th><td class="n soft">{each.index}</td>'
        f'<td class="n">{each.top1.right:,} of {each.top1.of:,}</td><td class="n">{percent(each.top1.share)}</td>'
        f"<td>{bar(each.top1)}</td>"
        + (f'<td class="n">{percent(each.top5.share) if each.top5 else "–"}</td>' if deep else "")
        + f'<td class="n">{percent(each.precision.share)}</td>'
        f'<td class="name">{safe(f"{found.name(each.taken_for)} ({each.times:,})") if each.times else ""}</td></tr>'
        for each in found.by_class
    )
    return (
        '<section><h2>Classes</h2><p class="explained">First those that are bad beyond doubt: by the upper end of the '
        "interval. <b>Precision</b>: how often the class was right when it was the answer.</p>"
        '<div class="scroll tall"><table><thead><tr><th>class</th><th class="n">#</th><th class="n">right</th>'
        f'<th class="n">top-1</th><th></th>{"<th class=n>top-5</th>" if deep else ""}<th class="n">precision</th>'
        f"<th>mostly taken for</th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _failed(found: Evaluation) -> str:
    failed = sorted(found.answers.failed.items())
    if not failed:
        return ""
    rows = "".join(f'<tr><td class="name">{safe(why)}</td></tr>' for _, why in failed[:FAILED])
    more = f" The first {FAILED}." if len(failed) > FAILED else ""
    return (
        f"<section><h2>Pictures without an answer: {len(failed):,}</h2>"
        f'<p class="explained">They count neither as right nor as wrong.{more}</p>'
        f'<div class="scroll tall"><table><tbody>{rows}</tbody></table></div></section>'
    )
