"""A model's name as people write it: what means a variant becomes its name here, and what means more is refused."""

from __future__ import annotations

import re
import shlex
from difflib import get_close_matches

from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import variant_name
from refnet.errors import UnknownModelError
from refnet.weights import releases

SYNTHETIC = "@synthetic"

# timm's names say whose weights they are. What they stand for changed between its releases where there is no tag.
_TIMM = re.compile(rf"(tf_)?efficientnet_({'|'.join(TABLE)})(?:([._])(\w+))?")
_SETS_OF_TIMM = {
    ("timm", "."): {
        "ra_in1k": "ra",
        "ra2_in1k": "ra2",
        "ra4_e3600_r224_in1k": "ra4",
        "ra4_e3600_r240_in1k": "ra4",
        "ft_in1k": "ft",
        "sw_in12k_ft_in1k": "sw",
        "sw_in12k": "sw12k",
    },
    ("timm-tf", "."): {
        "in1k": "in1k",
        "aa_in1k": "aa",
        "ap_in1k": "ap",
        "ra_in1k": "ra",
        "ns_jft_in1k": "ns",
        "ns_jft_in1k_475": "ns475",
    },
    # Before there were tags.
    ("timm-tf", "_"): {"aa": "aa", "ap": "ap", "ra": "ra", "ns": "ns", "ns_475": "ns475"},
}

# Networks whose names hold a variant's, and which are none: other normalisations, blocks or widths.
_ANOTHER = re.compile(
    r"(?:.*[^a-z0-9])?(?:gn|evos|pruned|condconv|edgetpu|efficientnet[-_ ]?(?:cc|blur|x|h|e[sml]))(?![a-z0-9]).*"
)

_VARIANT_IN = re.compile(rf"(?:.*[^a-z0-9])?({'|'.join(TABLE)})(?![a-z0-9]).*")
CHECKPOINTS = (
    *(".pth", ".pt", ".pth.tar", ".bin", ".safetensors", ".keras", ".hdf5", ".onnx", ".tflite", ".npz"),
    *(".tar.gz", ".index", ".ckpt", ".pb", ".data-00000-of-00001"),
)


def canonical(model: object) -> str:
    """Turn a name into the one name of a model: ``b1``, ``b1@timm-tf``, ``b1@synthetic``.

    Upper case is welcome everywhere, and so is a variant's full name: ``EfficientNet-B1``, ``efficientnet_b1@timm-tf``.

    Examples
    --------
    >>> canonical("EfficientNet-B1"), canonical("LITE0@synthetic")
    ('b1', 'lite0@synthetic')
    """
    if not isinstance(model, str):
        raise UnknownModelError(f"a model cannot be {type(model).__name__}; want a name or the path of a file")
    name = shortened(model)
    variant, at, _ = name.partition("@")
    if variant not in TABLE:
        raise UnknownModelError(f"unknown model {model!r}; {_what_else(model, variant)}")
    if at and name != variant + SYNTHETIC:
        releases.find(name)
    return name


def shortened(name: str) -> str:
    """Call a variant as it is called here, with whatever follows it; any other name stays as it is.

    The paper and every library spell a variant like this, each with weights of its own: so it names the network, never
    somebody's weights.

    Examples
    --------
    >>> shortened("EfficientNet-B1@TIMM-TF"), shortened("B9")
    ('b1@timm-tf', 'B9')
    """
    variant, at, publisher = name.partition("@")
    known = variant_name(variant)
    return name if known is None else known + at + publisher.lower()


def _what_else(model: str, variant: str) -> str:
    """Say what would be right instead of a name that is unknown."""
    if model.lower().endswith(CHECKPOINTS):
        return f"a checkpoint becomes an .h5 file that is known here by `refnet convert {shlex.quote(model)}`"
    if "v2" in variant.lower():
        return "EfficientNetV2 is another family of networks; want one of " + ", ".join(TABLE)
    if _ANOTHER.fullmatch(variant.lower()):
        return "that is a network of another architecture; want one of " + ", ".join(TABLE)
    sets = _sets_of_timm(variant.lower().removeprefix("timm/"))
    if sets:
        return f"that is timm's name; here it is {' or '.join(sets)}"
    inside = _VARIANT_IN.fullmatch(variant.lower())
    if inside is not None and "/" in variant:
        return (
            f"no publisher's weights have that name here; `refnet info --published {inside[1]}` lists those that have"
        )
    near = [inside[1]] if inside is not None else _near(variant.lower())
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"{hint}want one of {', '.join(TABLE)}, one of these with {SYNTHETIC}, "
        "NAME@PUBLISHER (`refnet info --published`), or the path of a file"
    )


def _sets_of_timm(name: str) -> list[str]:
    """What a name of timm's is called here: one set by its tag, every set without one, nothing by a tag not known."""
    found = _TIMM.fullmatch(name)
    if found is None:
        return []
    tf, variant, mark, tag = found.groups()
    publisher = "timm-tf" if tf else "timm"
    names = [each.name for each in releases.published() if each.name.startswith(f"{variant}@{publisher}:")]
    if mark is None:
        return names
    set_ = _SETS_OF_TIMM.get((publisher, mark), {}).get(tag)
    return [name for name in names if name == f"{variant}@{publisher}:{set_}"]


def _near(variant: str) -> list[str]:
    """Which variant may be meant; never one of another number."""
    return get_close_matches(variant, [name for name in TABLE if name[-1] == variant[-1:]], n=1)
