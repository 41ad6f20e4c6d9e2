"""Vectors: every case in files, read back, and described."""

from __future__ import annotations

import pytest

from refnet.errors import InputError
from refnet.golden.axes import activation_layout, kernel_layout
from refnet.golden.cases import cases
from refnet.golden.integer_cases import integer_cases
from refnet.golden.read import open_reader, to_logical_axes
from refnet.golden.vectors import record_vectors


@pytest.fixture(scope="module")
def every():
    return (*cases(), *integer_cases())


@pytest.mark.parametrize("kind", ["npy", "raw", "hex", "h", ".h5", ".npz"])
def test_read_back(tmp_path, kind, every):
    target = tmp_path / ("vectors" + kind if kind.startswith(".") else "vectors")
    options = {} if kind.startswith(".") else {"format": kind}
    layouts = {"layout": activation_layout("NCHW", "C:16"), "kernel_layout": kernel_layout("OIHW")}
    manifest = record_vectors(target, **layouts, **options)
    described = {case.name: case for case in manifest.cases}
    with open_reader(target) as reader:
        for case in every:
            about = described.pop(case.name)
            assert (about.op, about.parameters) == (case.op, case.parameters)
            tensors = case.inputs | case.weights | {about.output: case.output}
            assert [*about.inputs, *about.weights, about.output] == list(tensors)
            for role, tensor in tensors.items():
                back = to_logical_axes(reader.read(f"{case.name}/{role}"))
                assert back.dtype == tensor.dtype
                assert back.tobytes() == tensor.tobytes()
        assert reader.manifest == manifest
    assert not described


def test_float64(tmp_path):
    manifest = record_vectors(tmp_path / "vectors", dtype="float64")
    assert {entry.dtype for entry in manifest.entries} == {"float64", "uint8", "int8", "int32"}
    with open_reader(tmp_path / "vectors") as reader:
        for case in cases("float64"):
            assert reader.read(f"{case.name}/output").array.tobytes() == case.output.tobytes()


def test_narrow_dtypes_are_refused(tmp_path):
    with pytest.raises(InputError, match="vectors are exact; want float32 or float64"):
        record_vectors(tmp_path / "vectors", dtype="bfloat16")
