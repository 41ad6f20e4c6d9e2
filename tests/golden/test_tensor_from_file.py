"""Foreign tensors: read whatever their format, order and dtype; what does not fit is said."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from helpers.generated_goldens import RUN

from refnet.errors import InputError
from refnet.golden.axes import TensorLayout
from refnet.golden.record import record
from refnet.golden.tensor_from_file import read_input, read_step
from refnet.golden.write import open_writer
from refnet.weights.synthetic import uniform

NHWC, NCHW = TensorLayout("NHWC"), TensorLayout("NCHW")
SHAPE = (1, 5, 6, 8)
STEP = uniform("foreign", SHAPE)
PICTURES = uniform("pictures", (2, 5, 6, 3))


@pytest.fixture
def saved(tmp_path):
    def saved(array, name="theirs.npy"):
        path = tmp_path / name
        if name.endswith(".bin"):
            array.tofile(path)
        elif name.endswith(".npz"):
            np.savez(path, **array)
        else:
            np.save(path, array)
        return path

    return saved


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    target = tmp_path_factory.mktemp("golden") / "lite0"
    record("lite0@synthetic", target, size=(32, 32), steps=["pool, stem[:, 0:2]"], layout=NCHW)
    return target


class TestStep:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
    def test_dtypes(self, saved, dtype):
        there = STEP.astype(dtype)
        back = read_step(saved(there), "stem", SHAPE, NHWC)
        assert back.dtype == (np.float64 if dtype == np.float64 else np.float32)
        assert (back == there).all()

    @pytest.mark.parametrize(
        ("axes", "layout"),
        [((0, 3, 1, 2), NCHW), ((3, 0, 1, 2), TensorLayout("CNHW")), ((0, 2, 1, 3), TensorLayout("NWHC"))],
    )
    def test_orders(self, saved, axes, layout):
        there = np.ascontiguousarray(STEP.transpose(axes))
        assert (read_step(saved(there), "stem", SHAPE, layout) == STEP).all()
        assert (read_step(saved(there.ravel(), "stem.bin"), "stem", SHAPE, layout) == STEP).all()

    def test_without_a_batch(self, saved):
        assert (read_step(saved(STEP[0]), "stem", SHAPE, NHWC) == STEP).all()

    def test_vectors_that_are_still_pictures(self, saved):
        vector = uniform("gate", (1, 32))
        assert (read_step(saved(vector[:, :, None, None]), "gate", (1, 32), NCHW) == vector).all()

    def test_one_of_many(self, saved):
        path = saved({"stem": STEP, "head": STEP[:, :2]}, "theirs.npz")
        assert (read_step(path, "stem", SHAPE, NHWC) == STEP).all()
        with pytest.raises(InputError, match="holds no pool"):
            read_step(path, "pool", SHAPE, NHWC)

    def test_a_golden_knows_its_own_order(self, golden):
        assert read_step(golden, "pool", (1, 1280), NHWC).shape == (1, 1280)
        with pytest.raises(InputError, match="stem is only a part of a tensor; want all of it"):
            read_step(golden, "stem", (1, 16, 16, 32), NHWC)
        with pytest.raises(
            InputError, match=r"pool is \[1, 1280\]; pool is \[1, 1536\]: another model, or another size"
        ):
            read_step(golden, "pool", (1, 1536), NHWC)

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (
                STEP.transpose(0, 3, 1, 2).copy(),
                r"is \[1, 8, 5, 6\]; stem in the order NHWC .*; it fits the order NCHW",
            ),
            (STEP[:, :4].copy(), r"theirs is \[1, 4, 6, 8\]; stem in the order NHWC is \[1, 5, 6, 8\]$"),
            (STEP.ravel()[:-1], r"theirs is 239 elements; stem in the order NHWC is \[1, 5, 6, 8\]$"),
            (STEP.astype(np.uint8), "theirs is uint8; want floating-point numbers"),
            (STEP.astype(np.int64), "int64"),
            (STEP.astype(object), "object"),
        ],
    )
    def test_refused(self, saved, array, message):
        with pytest.raises(InputError, match=message):
            read_step(saved(array), "stem", SHAPE, NHWC)

    def test_truncated(self, saved):
        path = saved(STEP)
        path.write_bytes(path.read_bytes()[:-5])
        with pytest.raises(InputError, match="cut short or damaged"):
            read_step(path, "stem", SHAPE, NHWC)

    def test_not_there(self, tmp_path):
        with pytest.raises(InputError, match=r"nowhere\.npy does not exist"):
            read_step(tmp_path / "nowhere.npy", "stem", SHAPE, NHWC)


class TestInput:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_orders_and_dtypes(self, saved, dtype):
        there = PICTURES.astype(dtype)
        back = read_input(saved(there), NHWC)
        assert back.dtype == np.float32
        assert (back == there.astype(np.float32)).all()
        planes = np.ascontiguousarray(there.transpose(0, 3, 1, 2))
        assert (read_input(saved(planes), NCHW) == back).all()
        assert (read_input(saved(planes[0]), NCHW) == back[:1]).all()

    def test_raw_numbers_need_a_size(self, saved):
        path = saved(PICTURES, "input.bin")
        assert (read_input(path, NHWC, size=(5, 6)) == PICTURES).all()
        with pytest.raises(InputError, match="does not tell its height and width; state the size"):
            read_input(path, NHWC)
        with pytest.raises(InputError, match="is 180 elements; input in the order NHWC is"):
            read_input(path, NHWC, size=(5, 7))

    def test_of_a_golden(self, golden):
        assert read_input(golden, NHWC).shape == (1, 32, 32, 3)

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (STEP, "in the order NHWC 8 channels; want 3"),
            (PICTURES[0, 0], r"is \[6, 3\]; want NHWC, with 3 channels"),
            (PICTURES.astype(np.uint8), "uint8; want a normalised picture, or give the file as --image"),
        ],
    )
    def test_refused(self, saved, array, message):
        with pytest.raises(InputError, match=message):
            read_input(saved(array), NHWC)


def test_no_input_in_a_golden(tmp_path):
    with open_writer(tmp_path / "golden", RUN) as writer:
        writer.add("input", "NC", np.ones((1, 3), np.float32), layout=NCHW)
    with pytest.raises(InputError, match="input is only a part, or has the axes NC; want a whole input"):
        read_input(tmp_path / "golden", NHWC)


def test_a_file_that_is_not_what_the_manifest_says(golden, tmp_path):
    copy = shutil.copytree(golden, tmp_path / "copy")
    np.save(copy / "pool.npy", STEP)
    with pytest.raises(InputError, match=r"copy: pool: 240 elements; NC \[1, 1280\] .*; the file is not what"):
        read_step(copy, "pool", (1, 1280), NHWC)
