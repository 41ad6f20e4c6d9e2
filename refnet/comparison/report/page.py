"""The page: verdict, chart, where the error is, findings, and a line for every tensor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

from refnet.comparison.outcome import Row
from refnet.comparison.report.chart import chart
from refnet.comparison.report.pictures import bars, data_uri
from refnet.comparison.report.text import index, number, safe
from refnet.comparison.summary import DIFFERENT, IMPOSSIBLE, SAME, Comparison
from refnet.errors import InputError
from refnet.files.whole import whole_file
from refnet.version import __version__

TEMPLATE = Path(__file__).parent / "page.html"
MOST_MAPS = 8

_KINDS = {SAME: "good", DIFFERENT: "bad", IMPOSSIBLE: "unknown"}
_KEY = '<p class="key">no error <i></i> largest; above by pixel, averaged over channels, below by channel</p>'
_OUTCOMES = ("exact", "rounded", "wrong", "differs", "not compared")


def write_report(found: Comparison, path: Path) -> None:
    """Write a comparison as one HTML file, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    check_target(path)
    try:
        with whole_file(path) as unfinished:
            unfinished.write_text(page(found), encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path} not written: {error.strerror or error}") from None


def check_target(path: Path) -> None:
    """Check that a report can be written there, before the work is done.

    Raises
    ------
    InputError
        If something else is there, or no directory for it.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} not written: it is no regular file; want a name such as report.html")
    if not path.parent.is_dir():
        raise InputError(f"{path} not written: there is no directory {path.parent}")


def page(found: Comparison) -> str:
    """Make the page of a comparison."""
    first = found.first_wrong
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=safe(f"{found.model}: {found.verdict}"),
        kind=_KINDS[found.exit_code],
        verdict=safe(found.verdict[:1].upper() + found.verdict[1:]),
        diagnosis="".join(f'<p class="diagnosis">{safe(sentence)}</p>' for sentence in found.sentences),
        golden=safe(found.golden),
        actual=safe(found.actual),
        model=safe(found.model),
        counts="".join(_counts(found.rows)),
        chart=chart(found.rows),
        findings=_findings(found),
        maps=_maps([row for row in (first, *found.others_wrong) if row]),
        table="\n".join(_line(place, row) for place, row in enumerate(found.rows, 1)),
        version=safe(__version__),
    )


def _counts(rows: Sequence[Row]) -> list[str]:
    found = [(outcome, sum(row.outcome == outcome for row in rows)) for outcome in _OUTCOMES]
    return [
        f'<li><span class="pill {outcome.replace(" ", "-")}">{outcome}</span> {count}</li>'
        for outcome, count in found
        if count
    ]


def _findings(found: Comparison) -> str:
    if not found.findings:
        return ""
    items = "".join(
        f'<li><span class="weight {finding.weight}">{safe(finding.kind)}</span> '
        f"{f'<code>{safe(finding.step)}</code> ' if finding.step else ''}{safe(finding.text)}</li>"
        for finding in found.findings
    )
    return f'<section><h2>Findings</h2><ul class="findings">{items}</ul></section>'


def _maps(rows: Sequence[Row]) -> str:
    """Show where the error of the wrong tensors is, the first ones of them."""
    cards = [_map(row) for row in rows if row.heat is not None and row.decisive is not None]
    if not cards:
        return ""
    rest = len(cards) - MOST_MAPS
    more = f"<p>The first {MOST_MAPS} of {len(cards)}.</p>" if rest > 0 else ""
    shown = "".join(cards[:MOST_MAPS])
    return f'<section><h2>Where the error is</h2>{_KEY}{more}<div class="maps">{shown}</div></section>'


def _map(row: Row) -> str:
    assert row.heat is not None
    assert row.decisive is not None
    height, width = row.heat.picture.shape
    picture = (
        f'<img class="map" style="aspect-ratio:{width}/{height}" alt="error by pixel" '
        f'src="{data_uri(row.heat.picture)}">'
        if row.heat.picture.size
        else ""
    )
    measure = row.decisive.measure
    against = f"run from the port's own {', '.join(row.since)}" if row.local else "end to end"
    return (
        f'<figure>{picture}<img class="strip" alt="error by channel" src="{data_uri(row.heat.channels[None])}">'
        f"<figcaption><code>{safe(row.name)}</code> {safe(index(row.shape).replace(', ', ' × '))}, {safe(against)}<br>"
        f"largest error {number(measure.max_abs)} at ({index(measure.worst)}); "
        f"{measure.share_equal:.1%} equal</figcaption></figure>"
    )


def _line(place: int, row: Row) -> str:
    """One tensor in the table."""
    order = f"{row.order} ({row.how})" if row.how else row.order
    about = safe(f"theirs: {row.theirs}; {row.dtype} {list(row.shape)}; order {order}")
    head = (
        f'<tr id="t{place}"><td class="n">{place}</td><th scope="row" title="{about}">{safe(row.name)}</th>'
        f'<td><span class="pill {row.outcome.replace(" ", "-")}">{row.outcome}</span></td>'
    )
    found, whole = row.decisive, row.end_to_end
    if found is None or whole is None:
        return f'{head}<td colspan="10"></td></tr>'
    measure, judgement = found.measure, found.judgement
    judged = f"from {', '.join(row.since)}" if row.local else "end to end"
    cells = [
        number(found.relative),
        number(found.noise),
        number(judgement.rms_ratio if judgement else None),
        f"{measure.share_equal:.1%}",
        f"{measure.ulp_max:,}",
        number(measure.max_abs),
        index(measure.worst),
        f"{measure.snr:.0f}" if measure.snr < 1e3 else "∞",
        number(whole.relative) if row.local else "",
    ]
    numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells[:4])
    rest = "".join(f'<td class="n">{cell}</td>' for cell in cells[4:])
    by = f'<td class="judged" title="{safe(judged)}">{safe(judged)}</td>'
    return f"{head}{by}{numbers}<td>{bars(measure.ulps)}</td>{rest}</tr>"
