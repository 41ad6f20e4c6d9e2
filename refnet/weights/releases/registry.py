"""Registry: reads and checks ``published.toml``, the list of all published files of EfficientNet.

Its own first lines say what its fields mean. It is data that people edit, so whatever is wrong in it is an error that
names the place.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refnet.errors import InputError
from refnet.files import opening
from refnet.files.shipped import shipped
from refnet.preprocessing.crop import CROPS
from refnet.weights.releases.fields import FIELDS
from refnet.weights.releases.release import RecipeEntry, Release, publisher_without_set

FILE = "published.toml"
MAX_BYTES = 1 << 20  # of the file; it needs about 30 KiB


@dataclass(frozen=True)
class Registry:
    """All of ``published.toml``.

    Attributes
    ----------
    releases
        In the order of the file.
    defaults
        Set of each model that a bare model name means.
    publishers
        Sets of each publisher, in the order in which its bare name tries them.
    """

    releases: tuple[Release, ...]
    defaults: Mapping[str, str]
    publishers: Mapping[str, tuple[str, ...]]


def locate() -> Path:
    """Find the file."""
    return shipped(FILE)


def read(path: Path) -> Registry:
    """Read a registry, trusting nothing.

    Examples
    --------
    >>> read(locate()).publishers["torchvision"]
    ('torchvision:v2', 'torchvision:v1')
    """
    try:
        tables = tomllib.loads(opening.read_text(path, MAX_BYTES))
        return _registry(tables)
    except (OSError, ValueError, RecursionError, InputError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _registry(tables: dict[str, Any]) -> Registry:
    _check_keys(tables, {"defaults", "publishers", "sets"}, "the file", complete=True)
    publishers = _tables(tables["publishers"], "publishers")
    sets = _tables(tables["sets"], "sets")
    orders = {name: tuple(_names(table.pop("sets", None), f"publisher {name}")) for name, table in publishers.items()}
    _check_orders(orders, sets)
    releases = [
        release
        for name, table in sets.items()
        for release in _releases(name, publishers[publisher_without_set(name)], table)
    ]
    known = Counter(release.name for release in releases)
    twice = [name for name, times in known.items() if times > 1]
    if twice:
        raise InputError(f"{', '.join(twice)} is there twice")
    models = {release.model for release in releases}
    defaults = tables["defaults"]
    _check_keys(defaults, models, "defaults", complete=True)
    for model, name in defaults.items():
        if f"{model}@{name}" not in known:
            raise InputError(f"defaults: {name!r} is no set that has {model}")
    return Registry(tuple(releases), defaults, orders)


def _check_orders(orders: Mapping[str, tuple[str, ...]], sets: Mapping[str, Any]) -> None:
    """Every set belongs to the publisher it is called after, and is in its order once."""
    for name in sets:
        if publisher_without_set(name) not in orders:
            raise InputError(f"set {name}: there is no publisher {publisher_without_set(name)}")
    for publisher, order in orders.items():
        own = [name for name in sets if publisher_without_set(name) == publisher]
        if not own:
            raise InputError(f"publisher {publisher}: the file has no set of it")
        if sorted(order) != sorted(own):
            raise InputError(f"publisher {publisher}: sets is {', '.join(order)}; want each of {', '.join(own)} once")


def _releases(name: str, publisher: dict[str, Any], table: dict[str, Any]) -> Iterator[Release]:
    """Files of a set; what a line lacks is the set's, and else the publisher's."""
    shared = {key: value for key, value in table.items() if key != "files"}
    lines = table.get("files")
    if not (isinstance(lines, list) and lines):
        raise InputError(f"set {name}: want at least one file in files")
    for number, line in enumerate(lines, 1):
        where = f"set {name}, file {number}"
        if not isinstance(line, dict):
            raise InputError(f"{where}: want a table, found {line!r}")
        yield _release(name, publisher | shared | line, where)


def _release(publisher: str, values: dict[str, Any], where: str) -> Release:
    _check_keys(values, FIELDS.keys(), where)
    missing = [name for name, field in FIELDS.items() if field.required and name not in values]
    if missing:
        raise InputError(f"{where}: no {', '.join(missing)}")
    for name, value in values.items():
        if not FIELDS[name].accepts(value):
            raise InputError(f"{where}: {name} is {value!r}; want {FIELDS[name].wants}")
    base = values.pop("base_url", None)
    if "url" not in values:
        if base is None:
            raise InputError(f"{where}: no url and no base_url")
        values["url"] = base + values["file"]
    if "top1" not in values:
        values.pop("measured", None)  # the publisher's, of files that it measured
    values["hub_sha256"] = tuple(values.get("hub_sha256", ()))
    recipe = RecipeEntry(values.pop("crop"), float(values.pop("amount")), values.pop("resize"), values.pop("normalise"))
    release = Release(publisher=publisher, recipe=recipe, **values)
    for wrong in _contradictions(release):
        raise InputError(f"{where}: {wrong}")
    return release


def _contradictions(release: Release) -> Iterator[str]:
    """What two fields together cannot be."""
    crop, amount = CROPS[release.recipe.crop], release.recipe.amount
    if not crop.smallest <= amount <= crop.largest:
        yield f"amount is {amount:g}; want from {crop.smallest:g} to {crop.largest:g} for crop {release.recipe.crop}"
    if release.available and not release.url.startswith("https://"):
        yield f"url is {release.url!r}; want https of a host that is not closed"
    if release.sha256 is not None and len(release.sha256) == 8 and release.sha256 not in release.file:
        yield f"sha256 has 8 digits, {release.sha256}, which the name {release.file} does not carry"
    if release.top1 is None and release.top5 is not None:
        yield "top5 without top1"
    if release.top1 is not None and release.measured is None:
        yield "top1 without measured"
    member = (release.package, release.member, release.member_bytes, release.member_sha256)
    if None in member and any(value is not None for value in member):
        yield "want all of package, member, member_bytes and member_sha256, or none"


def _check_keys(table: Any, known: Collection[str], where: str, *, complete: bool = False) -> None:
    if not isinstance(table, dict):
        raise InputError(f"{where}: want a table, found {table!r}")
    unknown = sorted(table.keys() - set(known))
    if unknown:
        raise InputError(f"{where}: unknown {', '.join(map(repr, unknown))}")
    missing = sorted(set(known) - table.keys()) if complete else []
    if missing:
        raise InputError(f"{where}: no {', '.join(missing)}")


def _tables(value: Any, where: str) -> dict[str, dict[str, Any]]:
    if not (isinstance(value, dict) and value and all(isinstance(table, dict) for table in value.values())):
        raise InputError(f"{where}: want at least one table, and only tables")
    for name in value:
        if not re.fullmatch(r"[a-z][a-z0-9-]*(:[a-z0-9-]+)?", name):
            raise InputError(f"{where}: {name!r} is no name; want a-z, 0-9 and '-', and of a set one ':'")
    return value


def _names(value: Any, where: str) -> list[str]:
    if not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise InputError(f"{where}: want a list of names in sets")
    return value
