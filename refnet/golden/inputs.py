"""The input of a network: a picture, a tensor of its own, or a stimulus, and what a manifest says of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from refnet import memory
from refnet.architecture.variants import IMAGE_CHANNELS
from refnet.arrays import Array
from refnet.checks import pictures
from refnet.errors import InputError
from refnet.golden.stimuli import DEFAULT, PICTURES, check_stimulus, stimulus
from refnet.preprocessing.image_like import ImageLike
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.read_image import read_image
from refnet.preprocessing.recipe import Recipe


class NetworkInput(NamedTuple):
    """One of three, and ``description``, how a manifest names it; see ``choose_input``.

    ``picture`` is u8[H, W, 3], decoded; ``tensor`` is f32[N, H, W, 3]; ``stimulus`` is a name.
    """

    description: str
    picture: Array | None = None
    tensor: Array | None = None
    stimulus: str | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width, where the input itself says them."""
        return None if self.tensor is None else (self.tensor.shape[1], self.tensor.shape[2])

    def check(self, size: tuple[int, int] | None, recipe: str | Recipe | None) -> None:
        """Refuse another size than the tensor's own, and a recipe where there is no picture."""
        if size is not None and self.size not in (None, size):
            raise InputError(f"the input is {self.size}, not of the size {size}; want one of them")
        if recipe is not None and self.picture is None:
            raise InputError(f"{self.description} is the network's input itself; want no recipe, or a picture")

    def make(self, recipe: Recipe, height: int, width: int, channels: int = IMAGE_CHANNELS) -> Array:
        """Make the network's input: f32[N, height, width, channels]."""
        if self.tensor is not None:
            return self.tensor
        memory.check(4 * height * width * channels, f"an input of {height}x{width}")
        if self.picture is not None:
            return preprocess(self.picture, recipe, height, width, channels=channels)[None]
        assert self.stimulus is not None
        return stimulus(self.stimulus, height, width, channels)


def choose_input(image: ImageLike | None, x: Array | None, name: str | None) -> NetworkInput:
    """Take a picture as ``read_image`` does, the tensor x f32[N, H, W, 3], or a stimulus by name; by default ``codes``.

    Examples
    --------
    >>> choose_input(None, None, None).description
    'stimulus codes'
    """
    if sum(given is not None for given in (image, x, name)) > 1:
        raise InputError("more than one input; want a picture, a tensor or a stimulus")
    if image is not None:
        known = Path(image).name if isinstance(image, str | Path) else type(image).__name__
        return NetworkInput(f"image {known}", picture=read_image(image))
    if x is not None:
        if not len(pictures(x, channels=None)):
            raise InputError(f"the input has the shape {list(x.shape)}; want one picture at least")
        return NetworkInput(f"array {'x'.join(map(str, x.shape))}", tensor=x)
    name = DEFAULT if name is None else name
    check_stimulus(name)
    if name in PICTURES:
        return NetworkInput(f"stimulus {name}", picture=PICTURES[name](), stimulus=name)
    return NetworkInput(f"stimulus {name}", stimulus=name)


def few_values(what: str, distinct: int) -> str:
    """Put into words that an input shows too little."""
    return (
        f"the input has {distinct} different {'value' if distinct == 1 else 'values'} ({what}): many mistakes do not "
        "show on it; --stimulus codes makes one that covers the range"
    )
