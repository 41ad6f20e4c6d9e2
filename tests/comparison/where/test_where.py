"""Where a tensor is wrong: planted errors, and the sentences typed by hand."""

import numpy as np
import pytest

from refnet.comparison.judgement.verdict import judge
from refnet.comparison.where import find_where
from refnet.comparison.where.index_words import period_of, words_of

SHAPE = (2, 28, 28, 24)


@pytest.fixture(scope="module")
def right():
    return np.random.default_rng(0).normal(1.0, 0.5, SHAPE).astype(np.float32)


def planted(right, change):
    actual = right.copy()
    change(actual)
    return find_where(actual, right, "NHWC", order="NHWC")


@pytest.mark.parametrize(
    ("change", "places", "contents"),
    [
        (lambda x: x[..., 16:].fill(0), "channels 16–23 of 24", "0"),
        (lambda x: x[..., 7::8].fill(6), "channels 7, 15, 23 of 24: channel 7 of each block of 8", "6"),
        (
            lambda x: x[:, 3::4].fill(np.nan),
            "rows 3, 7, 11, … 27 of 28: row 3 of each strip of 4",
            "NaN",
        ),
        (lambda x: x[1, 5].__imul__(1.5), "row 5 of 28, picture 1 of 2", ""),
        (lambda x: np.copyto(x[1], x[0]), "picture 1 of 2", "what belongs to picture 0"),
        (lambda x: np.copyto(x[:, 4:], x[:, 3:-1].copy()), "rows 4–27 of 28", "what belongs to the row before"),
        (
            lambda x: np.copyto(x[..., :-1], x[..., 1:].copy()),
            "channels 0–22 of 24",
            "what belongs to the channel after",
        ),
        (lambda x: x[..., 3].__imul__(-1), "channel 3 of 24", "the number with the other sign"),
        (lambda x: x.reshape(-1)[-37:].fill(0), "the last 37 elements in memory (NHWC)", "0"),
        (lambda x: x.reshape(-1)[1000:1100].fill(1), "elements 1,000–1,099 in memory (NHWC)", "1"),
        (lambda x: x.__imul__(2), "", ""),
    ],
)  # fmt: skip
def test_places_and_contents(right, change, places, contents):
    found = planted(right, change)
    assert (found.places, found.contents) == (places, contents)


def test_borders_of_a_picture_and_of_tiles(right):
    def borders(x):
        x[:, [0, -1]] += 1
        x[:, :, [0, -1]] += 1

    def tiles(x):
        x[:, 7::8, :, :12] += 1
        x[:, :, 7::8, :12] += 1

    assert planted(right, borders).places == "rows 0 and 27 of 28 and columns 0 and 27 of 28"
    assert planted(right, tiles).places == (
        "rows 7, 15, 23 of 28: row 7 of each strip of 8 and columns 7, 15, 23 of 28: column 7 of each block of 8, "
        "channels 0–11 of 24"
    )


def test_a_single_element_and_its_place_in_the_whole_tensor(right):
    actual = right.copy()
    actual[1, 2, 3, 4] += 1
    found = find_where(actual, right, "NHWC", part=[(0, 2), (7, 35), (0, 28), (0, 24)], whole=(2, 56, 28, 24))
    assert (found.wrong, found.elements, found.first) == (1, right.size, (1, 9, 3, 4))
    assert found.sentence == (
        f"wrong in a single element of 37,632: (1, 9, 3, 4) is {found.actual:.9g} instead of {found.expected:.9g}; "
        "all else is right"
    )


def test_scattered_elements(right):
    def change(x):
        x.reshape(-1)[np.random.default_rng(1).choice(x.size, 500, replace=False)] += 1

    assert planted(right, change).places == "elements scattered over all of it"


def test_roundings_are_not_wrong(right):
    truth = right.astype(np.float64)
    actual = np.nextafter(right, np.float32(9))
    actual[..., 2] = 0
    found = find_where(actual, right, "NHWC", judge(actual, right, truth))
    assert (found.places, found.contents) == ("channel 2 of 24", "0")
    assert found.sentence.endswith("all else is right")


def test_a_tensor_that_lies_in_memory_with_channels_first(right):
    actual = np.ascontiguousarray(np.moveaxis(right, -1, 1))
    actual[:, 5] = 0
    found = find_where(np.moveaxis(actual, 1, -1), right, "NHWC", order="NCHW")
    assert (found.places, found.contents) == ("channel 5 of 24", "0")


def test_nothing_is_wrong(right):
    assert find_where(right, right, "NHWC") is None


def test_a_vector():
    right = np.arange(1.0, 1001.0, dtype=np.float32)[None]
    found = find_where(np.roll(right, 1), right, "NC")
    assert (found.wrong, found.elements, found.places) == (1000, 1000, "")


@pytest.mark.parametrize(
    ("places", "length", "words"),
    [
        ([0], 1, ""),
        (range(5), 5, ""),
        ([4], 5, "row 4 of 5"),
        ([0, 1], 5, "rows 0 and 1 of 5"),
        ([1, 2, 3, 9], 12, "rows 1–3 and 9 of 12"),
        ([0, 2, 5, 9], 12, "rows 0, 2, 5, 9 of 12"),
        ([0, 2, 5, 9, 14, 20, 27], 30, "rows 0, 2, 5, … 27 of 30"),
        ([0, 1, 2, 3, 5, 6, 7, 9, 11], 12, "rows 0–3, 5–7, 9, 11 of 12"),
        ([0, 1, 2, 3, 5, 6, 7, 9, 10, 11], 12, ""),
        (
            [*range(4), *range(5, 9), *range(10, 14), *range(15, 19)],
            20,
            "rows 0–3, 5–8, 10–13, 15–18 of 20: rows 0–3 of each strip of 5",
        ),
        ([1, 2, 5, 6, 9, 10], 12, "rows 1, 2, 5, 6, 9, 10 of 12: rows 1 and 2 of each strip of 4"),
    ],
)
def test_words_of_places(places, length, words):
    assert words_of(np.array(places), length, "row") == words


def test_a_period_ends_anywhere():
    assert period_of(range(2, 11, 4), 11) is None
    assert period_of(range(2, 15, 4), 15) == 4
