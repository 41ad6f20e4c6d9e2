"""Files of others, read and written again: the same model, to refnet's reader and to the schema's own code."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers.integer_networks import FILES, content
from helpers.places import DATA

from refnet.checkpoints.readers.tflite import tflite_file as reading
from refnet.export.tflite.tflite_file import content as written

OF_OTHERS = [*(f"integers/{name}" for name in FILES), "tflite/plain.tflite", "tflite/dynamic.tflite"]


def same(ours: object, theirs: object) -> None:
    np.testing.assert_equal(vars(ours), vars(theirs))


@pytest.mark.parametrize("name", OF_OTHERS)
def test_read_again(name):
    model = reading.load((DATA / name).read_bytes())
    again = reading.load(written(model))
    assert (again.operators, again.inputs, again.outputs) == (model.operators, model.inputs, model.outputs)
    assert again.notes == model.notes
    for ours, theirs in zip(again.tensors, model.tensors, strict=True):
        same(ours, theirs)


@pytest.mark.parametrize("name", FILES)
def test_versions_are_the_converters(name):
    """Engines look an operator up by its version too."""
    ours, theirs = (
        {code.builtinCode: code.version for code in schema.ModelT.InitFromPackedBuf(data, 0).operatorCodes}
        for data in (written(reading.load(content(name))), content(name))
    )
    assert ours == theirs


def test_the_same_bytes_each_time():
    model = reading.load(content("swish.tflite"))
    assert written(model) == written(model)
