"""The kernel that prepares pictures, held against the definition in array code."""

import tracemalloc

import numpy as np
import pytest
from helpers.places import CHELSEA
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.errors import ImageError
from refnet.preprocessing import compiled, tables, tensorflow_jpeg
from refnet.preprocessing.compiled import prepare
from refnet.preprocessing.crop import CROPS, Cut
from refnet.preprocessing.normalise import NORMALISATIONS, OPERATIONS, normalise
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.read_image import read_image
from refnet.preprocessing.recipe import RECIPES
from refnet.preprocessing.resize import RESIZES
from refnet.preprocessing.window import Window

RNG = np.random.default_rng(20191105)
HALF = NORMALISATIONS["torch-half"]


def noise(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def with_a_fourth_byte(picture):
    stored = np.full((*picture.shape[:2], 4), 255, np.uint8)
    stored[..., :3] = picture
    stored.flags.writeable = False
    return stored[..., :3]


LAYOUTS = {
    "in order": np.ascontiguousarray,
    "four bytes a pixel": with_a_fourth_byte,
    "part of a larger one": lambda picture: np.pad(picture, ((3, 1), (2, 5), (0, 0)))[3:-1, 2:-5],
    "upside down": lambda picture: picture[::-1].copy()[::-1],
    "mirrored": lambda picture: picture[:, ::-1].copy()[:, ::-1],
    "blue, green, red": lambda picture: picture[..., ::-1].copy()[..., ::-1],
    "by columns": np.asfortranarray,
}


def define(picture, cut, height, width, resize, operations):
    """What `prepare` must give, from the definition's parts."""
    top, left, source_height, source_width = cut.source
    part = picture[top : top + source_height, left : left + source_width]
    pixels = np.zeros((height, width, 3), np.float32)
    inside = RESIZES[resize](part, cut.height, cut.width, cut.seen)
    pixels[cut.above :, cut.before :][: cut.seen.height, : cut.seen.width] = inside
    return normalise(pixels, operations)


def same_bits(x, y):
    return x.shape == y.shape and x.dtype == y.dtype == np.float32 and x.tobytes() == y.tobytes()


@st.composite
def parts(draw, size):
    """A window in a rectangle."""
    start = [draw(st.integers(0, side - 1)) for side in size]
    return Window(*start, *(draw(st.integers(1, side - begin)) for side, begin in zip(size, start, strict=True)))


# Of one pixel, of odd numbers of them, wide, tall; far larger and far smaller than what they become.
sides = st.one_of(st.integers(1, 40), st.integers(1, 8), st.integers(41, 400))
numbers = st.one_of(st.sampled_from([1e-40, -1e-40, 0.1, 255.0, -3.0]), st.floats(0.125, 1024, width=32))
operations = st.one_of(
    st.sampled_from(list(NORMALISATIONS.values())),
    st.lists(
        st.tuples(st.sampled_from(["subtract", "multiply"]), st.tuples(numbers, numbers, numbers)), max_size=4
    ).map(tuple),
)


@settings(max_examples=300)
@given(st.data(), st.sampled_from(list(RESIZES)), st.sampled_from(list(LAYOUTS)), operations)
def test_any_part_resized_to_any_size(data, resize, layout, operations):
    picture = noise(data.draw(sides), data.draw(sides))
    source = data.draw(parts(picture.shape[:2]))
    full = data.draw(st.tuples(sides, sides))
    cut = Cut(source, *full, data.draw(parts(full)))
    made = prepare(LAYOUTS[layout](picture), cut, *cut.seen[2:], resize, operations)
    assert same_bits(made, define(picture, cut, *cut.seen[2:], resize, operations))


AMOUNTS = {
    "padding": st.integers(0, 40),
    "fraction": st.floats(0.2, 1),
    "shorter-side": st.integers(1, 60),
    "shorter-fraction": st.floats(0.2, 1),
    "squash": st.floats(0.2, 1),
    "none": st.just(0),
}


@settings(max_examples=200)
@given(st.data(), st.sampled_from(list(CROPS)), st.sampled_from(list(RESIZES)), sides, sides)
def test_any_crop(data, crop, resize, picture_height, picture_width):
    picture, amount = noise(picture_height, picture_width), data.draw(AMOUNTS[crop])
    height, width = data.draw(st.tuples(st.integers(1, 50), st.integers(1, 50)))
    try:
        cut = CROPS[crop].cut(picture_height, picture_width, height, width, amount)
    except ImageError:  # far too long
        return
    made = prepare(picture, cut, height, width, resize, HALF)
    wanted = normalise(CROPS[crop].apply(picture, height, width, amount, RESIZES[resize]), HALF)
    assert same_bits(made, wanted)


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize(
    ("picture", "full"),
    [((4, 30_000), (4, 50)), ((30_000, 4), (50, 4)), ((5, 9_000), (3, 20_000)), ((1, 1), (70, 70)), ((900, 3), (1, 1))],
    ids=lambda size: "x".join(map(str, size)),
)
def test_extremes(resize, picture, full):
    pixels = noise(*picture)
    cut = Cut(Window(0, 0, *picture), *full, Window(0, 0, *full))
    assert same_bits(prepare(pixels, cut, *full, resize, HALF), define(pixels, cut, *full, resize, HALF))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("size", [(224, 224), (97, 300)], ids=str)
def test_recipes(recipe, size):
    resize = RESIZES[recipe.resize]
    wanted = normalise(
        CROPS[recipe.crop].apply(read_image(CHELSEA), *size, recipe.crop_amount, resize), recipe.normalise
    )
    assert same_bits(preprocess(CHELSEA, recipe, *size), wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_mixing_of_every_colour(layout):
    levels = np.arange(256, dtype=np.uint8)
    for luminance in (0, 1, 77, 128, 254, 255):
        planes = np.stack(np.broadcast_arrays(np.uint8(luminance), levels[:, None], levels), axis=2)
        assert np.array_equal(compiled.mix(LAYOUTS[layout](planes)), tensorflow_jpeg.mix(planes))


def test_every_resize_and_every_operation_has_a_kernel():
    assert list(tables.TAPS) == list(RESIZES)
    assert tuple(OPERATIONS) == compiled.kinds.OPERATIONS


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("step", [1, 3, 32])
def test_rows_do_not_depend_on_each_other(resize, step, monkeypatch):
    """The kernel takes any range of rows."""
    picture = noise(301, 207)
    cut = CROPS["shorter-side"].cut(301, 207, 64, 50, 80)
    whole = prepare(picture, cut, 64, 50, resize, HALF)
    kernel = compiled.picture_preparer()

    def in_parts(*arguments):
        *others, start, stop = arguments
        for begin in range(start, stop, step):
            kernel(*others, begin, min(begin + step, stop))

    monkeypatch.setattr(compiled, "picture_preparer", lambda: in_parts)
    assert same_bits(prepare(picture, cut, 64, 50, resize, HALF), whole)


@pytest.mark.parametrize("resize", RESIZES)
def test_memory(resize):
    """Nothing of the size of the picture is made: only the result, lines, and tables."""
    picture, full = np.zeros((3000, 4000, 3), np.uint8), (200, 224)
    cut = Cut(Window(0, 0, 3000, 4000), *full, Window(0, 0, *full))
    prepare(picture[:8], cut._replace(source=Window(0, 0, 8, 4000)), *full, resize, HALF)  # compiled
    tracemalloc.start()
    result = prepare(picture, cut, *full, resize, HALF)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < result.nbytes + 3 * 2**20


def test_tables_of_huge_pictures_are_not_kept():
    before = tables._common_taps.cache_info().currsize
    prepare(noise(4, 5000), Cut(Window(0, 0, 4, 5000), 4, 9, Window(0, 0, 4, 9)), 4, 9, "pil-bicubic", HALF)
    assert tables._common_taps.cache_info().currsize <= before + 1  # that of the four rows
