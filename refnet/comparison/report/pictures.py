"""Pictures inside the page: where the error is, as a map of pixels and a strip of channels; distances as bars."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from refnet.arrays import Array
from refnet.comparison.judgement.distance import bucket_label
from refnet.pages import in_address
from refnet.pages.text import safe

BARS = 14  # counts of distances shown; the last one gathers the rest
BAR_WIDTH, BAR_HEIGHT = 7, 22

# From no error to the largest: dark blue, violet, orange, light yellow. Lightness grows all the way.
_COLOURS = np.array([[13, 8, 60], [94, 20, 128], [181, 47, 110], [240, 105, 62], [252, 176, 69], [252, 250, 190]])


def data_uri(values: Array) -> str:
    """Paint numbers [H, W] from 0 to their largest as a PNG inside an address.

    Examples
    --------
    >>> data_uri(np.eye(2))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    largest = float(np.max(values, initial=0.0))
    scaled = np.clip(values / largest, 0, 1) * (len(_COLOURS) - 1) if largest > 0 else np.zeros_like(values)
    channels = [np.interp(scaled, np.arange(len(_COLOURS)), _COLOURS[:, channel]) for channel in range(3)]
    content = io.BytesIO()
    Image.fromarray(np.stack(channels, -1).astype(np.uint8)).save(content, "PNG")
    return in_address("png", content.getvalue())


def bars(ulps: Sequence[int]) -> str:
    """Draw a histogram of distances as SVG; heights by the square root, so that rare ones can be seen."""
    counts = [*ulps[: BARS - 1], sum(ulps[BARS - 1 :])]
    total = sum(counts) or 1
    parts = [f'<svg class="bars" viewBox="0 0 {BARS * BAR_WIDTH} {BAR_HEIGHT}" role="img">']
    for place, count in enumerate(counts):
        if not count:
            continue
        height = max(1.0, math.sqrt(count / total) * BAR_HEIGHT)
        label = bucket_label(place) if place < BARS - 1 else f"more than {1 << BARS - 3}"
        parts.append(
            f'<rect class="{"zero" if place == 0 else "apart"}" x="{place * BAR_WIDTH}" '
            f'y="{BAR_HEIGHT - height:.1f}" width="{BAR_WIDTH - 1}" height="{height:.1f}">'
            f"<title>{safe(f'{label} ulp: {count:,} of {total:,}')}</title></rect>"
        )
    return "".join(parts) + "</svg>"
