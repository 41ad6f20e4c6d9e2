"""The tables of ``refnet eval``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from refnet.cli import terminal

if TYPE_CHECKING:
    from refnet.evaluation import Agreement, Evaluation, Share

FEW = 8  # lines of a table that is longer in the page and in JSON
ENOUGH = 5  # pictures of a class, for it to be called bad


def show(found: list[Evaluation], agreements: list[Agreement]) -> None:
    """Print what was evaluated, the models beside each other, and of each what there is to mend."""
    data = found[0].data
    print(terminal.printable(f"{data.name}: {_count(len(data), 'picture')}, classes said by {data.said_by}"))
    for told in dict.fromkeys([each.truth.told for each in found]):
        print(terminal.printable(told))
    for note in data.notes:
        print(terminal.printable(note))
    print()
    header = ["model", "top-1", "95% interval", "top-5", "95% interval", "ECE", "published", "failed", "pictures/s"]
    terminal.print_columns("<>>>>>>>>", [header, *map(_row, found)], header=True)
    for each in found:
        if each.against_published:
            print()
            for sentence in each.against_published:
                print(terminal.printable(f"{each.model}: {sentence}"))
    for each in found:
        _show_classes(each)
        _show_confusions(each)
    if agreements:
        _show_agreements(agreements, found)


def tell_failed(found: Evaluation) -> None:
    """Say which pictures could not be read."""
    failed = sorted(found.answers.failed.items())
    for _, why in failed[:FEW]:
        terminal.say(f"error: {why}")
    if len(failed) > FEW:
        terminal.say(f"error: {len(failed) - FEW} more pictures without an answer, which --json lists")


def _row(found: Evaluation) -> list[str]:
    says, speed = found.published, found.pictures_per_second
    return [
        found.model,
        *_share(found.top1),
        *_share(found.top5),
        "-" if math.isnan(found.ece) else f"{found.ece:.1%}",
        "-" if says is None else f"{says.top1:g}%",
        f"{len(found.answers.failed)}",
        "-" if math.isnan(speed) else f"{speed:.1f}",
    ]


def _share(share: Share | None) -> list[str]:
    if share is None or not share.of:
        return ["-", "-"]
    low, high = (100 * bound for bound in share.interval)
    return [f"{share.share:.2%}", f"{low:.2f}-{high:.2f}"]


def _show_classes(found: Evaluation) -> None:
    """Print the worst classes, of those with pictures enough to tell."""
    worst = [each for each in found.by_class if each.top1.of >= ENOUGH and each.top1.right < each.top1.of][:FEW]
    if not worst:
        return
    print()
    rows = [
        [
            found.name(each.index),
            f"{each.top1.right} of {each.top1.of}",
            f"{each.top1.share:.1%}",
            f"{found.name(each.taken_for)} ({each.times})" if each.times else "",
        ]
        for each in worst
    ]
    title = terminal.printable(f"{found.model}: worst of {len(found.by_class)} classes")
    terminal.print_columns("<>><", [[title, "right", "top-1", "mostly taken for"], *rows], header=True)


def _show_confusions(found: Evaluation) -> None:
    pairs = [each for each in found.confusions if each.both > 1][:FEW]
    if not pairs:
        return
    print()
    rows = [
        [found.name(each.truth), found.name(each.answer), f"{each.times}", f"{each.back}", f"{each.costs:.2%}"]
        for each in pairs
    ]
    header = [f"{found.model}: class", "taken for", "times", "back", "costs"]
    terminal.print_columns("<<>>>", [header, *rows], header=True, key=2)


def _show_agreements(agreements: list[Agreement], found: list[Evaluation]) -> None:
    print()
    rows = [
        [
            each.first,
            each.second,
            f"{each.same.right} of {each.same.of}",
            f"{each.same.share:.2%}" if each.same.of else "-",
            f"{each.only_first}",
            f"{each.only_second}",
        ]
        for each in agreements
    ]
    header = ["first", "second", "same class", "share", "only first right", "only second right"]
    terminal.print_columns("<<>>>>", [header, *rows], header=True, key=2)
    by_name = {each.model: each for each in found}
    for each in agreements:
        if each.second not in by_name:
            _show_differences(each, by_name[each.first])


def _show_differences(agreement: Agreement, ours: Evaluation) -> None:
    """Print the first pictures on which another engine differs, and those that only one side has."""
    if agreement.differences:
        print()
        rows = [
            [
                ours.data.short(one.file),
                f"{ours.name(one.ours)}{_sure(one.our_value)}",
                f"{ours.name(one.theirs)}{_sure(one.their_value)}",
            ]
            for one in agreement.differences[:FEW]
        ]
        count = len(agreement.differences)
        first = f"first {FEW} of {count} pictures" if count > FEW else "picture"
        terminal.print_columns("<<<", [[first, agreement.first, agreement.second], *rows], header=True)
    if agreement.not_in_first or agreement.not_in_second or not math.isnan(agreement.apart):
        print()
    for there, here, files in (
        (agreement.first, agreement.second, agreement.not_in_second),
        (agreement.second, agreement.first, agreement.not_in_first),
    ):
        if files:
            more = f", and {len(files) - 3} more" if len(files) > 3 else ""
            shown = ", ".join(map(ours.data.short, files[:3]))
            print(terminal.printable(f"{_count(len(files), 'picture')} of {there} not in {here}: {shown}{more}"))
    if not math.isnan(agreement.apart):
        print(f"of the same class, the numbers are at most {agreement.apart:.2g} apart")


def _sure(value: float) -> str:
    return "" if math.isnan(value) else f" {value:.1%}" if 0 <= value <= 1 else f" {value:.4g}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
