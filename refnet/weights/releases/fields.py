"""Fields: what each field of the registry may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.normalise import NORMALISATIONS
from refnet.preprocessing.resize import RESIZES
from refnet.weights.releases.release import Averaging


@dataclass(frozen=True)
class Field:
    """What a field wants, in words and as a test, and whether every file must have it."""

    wants: str
    accepts: Callable[[Any], bool]
    required: bool = False


def _text(wants: str, pattern: str, *, required: bool = False) -> Field:
    return Field(wants, lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value)), required)


def _one_of(*choices: str) -> Field:
    wants = f"one of {', '.join(choices)}"
    return Field(wants, lambda value: isinstance(value, str) and value in choices, required=True)


def _whole(lowest: int, *, required: bool = False) -> Field:
    return Field(f"a whole number from {lowest}", lambda value: type(value) is int and value >= lowest, required)


def _number(highest: float, *, required: bool = False) -> Field:
    wants = f"a number from 0 to {highest:g}"
    return Field(wants, lambda value: type(value) in {int, float} and 0 <= value <= highest, required)


_URL, _SHA256 = r"https?://[A-Za-z0-9][!-~]*", r"[0-9a-f]{64}"

FIELDS: Mapping[str, Field] = {
    "model": _text("a variant, such as b1", r"[a-z]+[0-9]+", required=True),
    "file": _text("a file name", r"[A-Za-z0-9][A-Za-z0-9._-]*", required=True),
    "base_url": _text("an address that ends with '/'", f"{_URL}/"),
    "url": _text("an address", _URL),
    "size": _whole(1, required=True),
    "classes": _whole(0, required=True),
    "crop": _one_of(*CROPS),
    "amount": _number(max(crop.largest for crop in CROPS.values()), required=True),
    "resize": _one_of(*RESIZES),
    "normalise": _one_of(*NORMALISATIONS),
    "licence": _text("an SPDX identifier or nothing", r"[A-Za-z0-9.-]*"),
    "averaging": _one_of(*get_args(Averaging)),
    "available": Field("true or false", lambda value: isinstance(value, bool)),
    "bytes": _whole(1),
    "sha256": _text("64 or 8 hexadecimal digits, a-f in lower case", f"{_SHA256}|[0-9a-f]{{8}}"),
    "hub_sha256": Field(
        "a list of SHA-256, each 64 hexadecimal digits, a-f in lower case",
        lambda value: (
            isinstance(value, list) and all(isinstance(item, str) and re.fullmatch(_SHA256, item) for item in value)
        ),
    ),
    "md5": _text("32 hexadecimal digits, a-f in lower case", r"[0-9a-f]{32}"),
    "top1": _number(100),
    "top5": _number(100),
    "measured": _text("a line of text", r"[ -~]+"),
    "package": _text("a package and its version, such as a-b==0.1.0", r"[a-z0-9-]+==[0-9.]+"),
    "member": _text("a path inside a package", r"([A-Za-z0-9_][A-Za-z0-9._-]*/)*[A-Za-z0-9_][A-Za-z0-9._-]*"),
    "member_bytes": _whole(1),
    "member_sha256": _text("64 hexadecimal digits, a-f in lower case", _SHA256),
}
