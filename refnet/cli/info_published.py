"""What ``refnet info --published`` shows: every published file, those of a variant, or all about one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from refnet.cli import terminal
from refnet.hub.aliases import shortened
from refnet.weights import releases
from refnet.weights.releases import Release


def show(name: str | None, *, as_json: bool) -> None:
    """Show the files of a variant (``b1``), the one that a name means (``b1@timm-tf:aa``), or all."""
    name = None if name is None else shortened(name)
    if name is not None and "@" in name:
        release = releases.find(name)
        terminal.print_json(_describe(release)) if as_json else _show_one(release)
        return
    model = None if name is None else releases.find(name).model
    chosen = [release for release in releases.published() if model in {None, release.model}]
    terminal.print_json([_describe(release) for release in chosen]) if as_json else _show_table(chosen)


def _describe(release: Release) -> dict[str, Any]:
    return {"name": release.name, "default": _is_default(release)} | asdict(release)


def _is_default(release: Release) -> bool:
    return releases.find(release.model) == release


def _show_table(chosen: list[Release]) -> None:
    header = ["model", "publisher", "size", "bytes", "hash", "top-1", ""]
    terminal.print_columns("<<>><><", [header, *map(_row, chosen)], header=True, key=2)
    print("\nsize: side of the pictures it is evaluated on; hash: what is known of the file; top-1: % on ImageNet.")
    print("All about one of them: refnet info --published b1@timm-tf:aa.")


def _row(release: Release) -> list[str]:
    return [
        release.model,
        release.publisher,
        str(release.size),
        "-" if release.bytes is None else f"{release.bytes:,}",
        _hash(release),
        "-" if release.top1 is None else f"{release.top1:.1f}",
        "default" if _is_default(release) else "" if release.available else "host closed",
    ]


def _hash(release: Release) -> str:
    if release.sha256 is not None:
        return "sha256" if _is_whole(release.sha256) else "8 digits"
    return "-" if release.md5 is None else "md5"


def _is_whole(sha256: str) -> bool:
    return len(sha256) == 64


def _show_one(release: Release) -> None:
    recipe = release.recipe
    crop = recipe.crop if recipe.crop == "none" else f"{recipe.crop} {recipe.amount:g}"
    accuracy = [f"{label} {value} %" for label, value in (("top-1", release.top1), ("top-5", release.top5)) if value]
    rows = [
        ["name", release.name],
        ["file", release.file],
        ["address", release.url + ("" if release.available else " (host closed)")],
        ["bytes", "" if release.bytes is None else f"{release.bytes:,}"],
        ["sha256", "" if release.sha256 is None else release.sha256 + ("" if _is_whole(release.sha256) else "…")],
        ["md5", release.md5 or ""],
        ["package", release.package or ""],
        ["  member", release.member or ""],
        ["  bytes", "" if release.member_bytes is None else f"{release.member_bytes:,}"],
        ["  sha256", release.member_sha256 or ""],
        ["picture", f"{release.size} x {release.size} pixels"],
        ["recipe", f"crop {crop}, resize {recipe.resize}, normalise {recipe.normalise}"],
        ["classes", str(release.classes or "none: without the classifier")],
        ["averaging", release.averaging],
        ["accuracy", f"{', '.join(accuracy)} ({release.measured})" if accuracy else ""],
        ["licence", release.licence],
    ]
    terminal.print_columns("<<", [row for row in rows if row[1]])
