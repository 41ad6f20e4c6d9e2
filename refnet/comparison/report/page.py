"""The page: verdict, chart, where the error is, findings, and a line for every tensor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refnet.comparison.report.chart import chart, legend
from refnet.comparison.report.pictures import bars, data_uri
from refnet.comparison.report.words import OF_CODES, OF_REALS
from refnet.comparison.result import DIFFERENT, IMPOSSIBLE, SAME, Comparison
from refnet.comparison.tensor_result import Deviation, TensorResult
from refnet.files.whole import check_file_target, not_written, whole_file
from refnet.pages import fill
from refnet.pages.text import index, number, safe
from refnet.version import __version__

TEMPLATE = Path(__file__).parent / "page.html"
MOST_MAPS = 8
OF_ALL = ("runs", "overwritten")  # findings that belong beside the verdict

_KINDS = {SAME: "good", DIFFERENT: "bad", IMPOSSIBLE: "unknown"}
_KEY = (
    '<p class="key">no error <i></i> largest</p>'
    '<p class="explained">By pixel, over all channels; the strip below it by channel, over all pixels.</p>'
)
_OUTCOMES = ("exact", "rounded", "wrong", "differs", "not compared")


def write_report(found: Comparison, path: Path) -> None:
    """Write a comparison as one HTML file, whole or not at all; raise InputError if it cannot be written."""
    check_target(path)
    with not_written(path), whole_file(path) as unfinished:
        unfinished.write_text(page(found), encoding="utf-8", newline="\n")


def check_target(path: Path) -> None:
    """Raise InputError if a report cannot be written there, before the work is done."""
    check_file_target(path, ".html", ".htm")


def page(found: Comparison) -> str:
    """Make the page of a comparison."""
    maps = [_map(result) for result in found.wrong_by_themselves if result.heat is not None]
    more = f"<p>The first {MOST_MAPS} of {len(maps)}.</p>" if len(maps) > MOST_MAPS else ""
    return fill(
        TEMPLATE,
        title=safe(f"{found.model}: {found.verdict}"),
        kind=_KINDS[found.exit_code],
        verdict=safe(found.verdict[:1].upper() + found.verdict[1:]),
        diagnosis="".join(
            f'<p class="diagnosis {kind}">{safe(text)}</p>' for kind, text in (*_of_all(found), *found.account)
        ),
        golden=safe(found.golden),
        actual=safe(found.actual),
        model=safe(found.model),
        counts="".join(_counts(found.tensors)),
        chart=chart(found.tensors),
        legend=legend(found.tensors),
        **(OF_CODES if found.of_codes else OF_REALS),
        findings=_findings(found),
        map=_maps("Where the error is", maps[:1], _KEY),
        maps=_maps("Where the other errors are", maps[1:MOST_MAPS], more),
        table="\n".join(_line(place, result) for place, result in enumerate(found.tensors, 1)),
        version=safe(__version__),
    )


def _of_all(found: Comparison) -> list[tuple[str, str]]:
    """What is wrong with a whole dump, or all of them."""
    return [("named", finding.text) for finding in found.findings if finding.kind in OF_ALL]


def _counts(results: Sequence[TensorResult]) -> list[str]:
    found = [(outcome, sum(result.outcome == outcome for result in results)) for outcome in _OUTCOMES]
    return [
        f'<li><span class="pill {outcome.replace(" ", "-")}">{outcome}</span> {count}</li>'
        for outcome, count in found
        if count
    ]


def _findings(found: Comparison) -> str:
    if not found.findings:
        return ""
    items = "".join(
        f'<li><span class="severity {finding.severity}">{safe(finding.kind)}</span> '
        f"{f'<code>{safe(finding.step)}</code> ' if finding.step else ''}{safe(finding.text)}</li>"
        for finding in found.findings
    )
    return f'<section><h2>Findings</h2><ul class="findings">{items}</ul></section>'


def _maps(title: str, maps: Sequence[str], explained: str) -> str:
    """Show where the error of wrong tensors is."""
    return f'<section><h2>{title}</h2>{explained}<div class="maps">{"".join(maps)}</div></section>' if maps else ""


def _map(result: TensorResult) -> str:
    assert result.heat is not None
    assert result.decisive is not None
    height, width = result.heat.picture.shape
    picture = (
        f'<img class="map" style="aspect-ratio:{width}/{height}" alt="error by pixel" '
        f'src="{data_uri(result.heat.picture)}">'
        if result.heat.picture.size
        else ""
    )
    distance, shape = result.decisive.distance, " × ".join(map(str, result.shape))
    made_from = f"run from the port's own {', '.join(result.run_from)}" if result.by_itself else "end to end"
    return (
        f'<figure>{picture}<img class="strip" alt="error by channel" src="{data_uri(result.heat.channels[None])}">'
        f"<figcaption><code>{safe(result.name)}</code> {shape}, {safe(made_from)}<br>"
        f"largest error {number(distance.max_abs)} at ({index(distance.worst)}); "
        f"{distance.share_equal:.1%} equal</figcaption></figure>"
    )


def _line(place: int, result: TensorResult) -> str:
    """One tensor in the table."""
    order = f"{result.order} ({result.how})" if result.how else result.order
    about = safe(f"theirs: {result.theirs}; {result.dtype} {list(result.shape)}; order {order}")
    head = (
        f'<tr id="t{place}"><th scope="row" title="{about}">{safe(result.name)}</th><td class="n">{place}</td>'
        f'<td><span class="pill {result.outcome.replace(" ", "-")}">{result.outcome}</span></td>'
    )
    found, whole = result.decisive, result.end_to_end
    if found is None or whole is None:
        return f'{head}<td colspan="10"></td></tr>'
    distance, judgement = found.distance, found.judgement
    judged, run = ("by itself", f"run from {', '.join(result.run_from)}") if result.by_itself else ("end to end", "")
    by = f'<td class="judged" title="{safe(run)}">{judged}</td>'
    if found.of_codes:
        return f"{head}{by}{_of_codes(result, found, whole)}</tr>"
    cells = [
        number(found.relative),
        number(found.noise),
        number(judgement.rms_ratio if judgement else None),
        f"{distance.share_equal:.1%}",
        f"{distance.ulp_max:,}",
        number(distance.max_abs),
        f"{distance.snr:.0f}" if distance.snr < 1e3 else "∞",
        number(whole.relative) if result.by_itself else "",
    ]
    numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells[:4])
    rest = "".join(f'<td class="n">{cell}</td>' for cell in cells[4:])
    return f"{head}{by}{numbers}<td>{bars(distance.ulps)}</td>{rest}</tr>"


def _of_codes(result: TensorResult, found: Deviation, whole: Deviation) -> str:
    """The numbers of a tensor of integers."""
    distance, beside = found.distance, whole.distance
    before = [number(found.relative), f"{distance.elements - distance.equal:,}"]
    after = [f"{distance.elements:,}", f"{distance.max_abs:.0f}"]
    after.append(f"{beside.elements - beside.equal:,}" if result.by_itself else "")
    first, last = ("".join(f'<td class="n">{cell}</td>' for cell in cells) for cells in (before, after))
    return f"{first}<td>{bars(distance.ulps)}</td>{last}"
