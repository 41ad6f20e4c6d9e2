"""Comparison of integers as a whole: exact or not, where it begins, in whatever format, and by whose rules."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.places import DATA

import refnet
from refnet.cli import main
from refnet.comparison import compare
from refnet.errors import InputError
from refnet.golden.read import open_reader
from refnet.golden.record import record
from refnet.reference.integers.engine import ENGINES, TFLM, of_one_policy
from refnet.reference.integers.evaluate import accumulate, evaluate_operation

MODEL = DATA / "integers" / "lite.h5"


@pytest.fixture(scope="module")
def network():
    return refnet.load(MODEL)


@pytest.fixture(scope="module")
def golden(network, tmp_path_factory):
    target = tmp_path_factory.mktemp("integers") / "golden"
    record(network, target, accumulators=True)
    return target


@pytest.fixture
def port(network, golden, tmp_path):
    """Makes a port's dump: each operation by ``engine_of(name)``, in one of the ways to write codes."""

    def make(engine_of=lambda name: TFLM, write=np.save, but=()):
        with open_reader(golden) as reader:
            tensors = {"input": reader.read("input").array}
        target = tmp_path / "port"
        target.mkdir()
        for each in network.weights.network.operations:
            of = [network.codes[name] for name in each.inputs]
            inputs = [tensors[name] for name in each.inputs]
            tensors[each.name] = evaluate_operation(each, inputs, of, network.codes[each.name], engine_of(each.name))
        for name, tensor in tensors.items():
            if name not in but:
                write(target / f"{name}.npy", tensor)
        return target

    return make


def outcomes(found):
    return {result.name: result.outcome for result in found.tensors}


def told(found):
    """How codes are written."""
    return [finding.text for finding in found.findings if finding.kind == "dtype"]


def test_a_right_port_is_exact(golden, port):
    found = compare(golden, port(), model=MODEL)
    assert (found.exit_code, found.verdict) == (0, "exact: 31 tensors")
    assert all(result.by_itself for result in found.tensors[1:])


@pytest.mark.parametrize("name", ["xnnpack", "onnxruntime", "tflite"])
def test_another_engine_s_port_is_told_as_such(golden, port, name):
    target = port(lambda _: ENGINES[name])
    found = compare(golden, target, model=MODEL)
    assert found.exit_code == 0
    assert "wrong" not in outcomes(found).values()
    if name != "tflite":  # which differs nowhere on this picture
        assert name in found.rounds_as
        assert "to the bit: 31 tensors, 18 of them other codes than the golden's" in found.verdict
        assert compare(golden, target, model=MODEL, exact=True).exit_code == 1


def test_one_step_is_wrong_and_its_consequences_are_right(golden, port):
    of_one = of_one_policy("truncate")
    target = port(lambda name: of_one if name == "block2a.depthwise" else TFLM)
    found = compare(golden, target, model=MODEL)
    assert [name for name, outcome in outcomes(found).items() if outcome == "wrong"] == ["block2a.depthwise"]
    assert found.exit_code == 1
    assert found.verdict.startswith("first wrong: block2a.depthwise (tensor 6 of 31): 1,")
    assert found.verdict.endswith("codes differ, by at most 1; all that follows is right by itself")
    assert found.diagnoses["block2a.depthwise"].mistake == "policy-truncate-float64"
    plain = found.to_json()
    assert plain["first_wrong"] == "block2a.depthwise"
    assert plain["diagnoses"][0]["mistake"] == "policy-truncate-float64"


def test_without_a_model_it_is_end_to_end(golden, port):
    found = compare(golden, port(lambda name: of_one_policy("truncate") if name == "block2a.depthwise" else TFLM))
    assert found.first_wrong.name == "block2a.depthwise"
    assert {result.by_itself for result in found.tensors} == {None}
    assert any("name it by --model FILE.h5" in finding.text for finding in found.findings)


def test_a_step_that_was_not_dumped_is_looked_into(golden, port):
    of_one = of_one_policy("truncate")
    target = port(lambda name: of_one if name == "block2a.depthwise" else TFLM, but=("block2a.depthwise",))
    found = compare(golden, target, model=MODEL)
    assert found.first_wrong.name == "block2a.project"
    sentence = found.diagnoses["block2a.project"].sentence
    assert sentence.startswith("in block2a.depthwise, which is not among the port's tensors: policy truncate")


FORMS = {
    "uint8, 128 more than int8": lambda q, _: (q.astype(np.int64) + 128).astype(np.uint8),
    "uint8 with the bits of int8, two's complement": lambda q, _: q.view(np.uint8),
    "int32": lambda q, _: q.astype(np.int32),
    "float32 that are whole numbers": lambda q, _: q.astype(np.float32),
    "float32, the real numbers that codes stand for": lambda q, real: real(q),
}


@pytest.mark.parametrize("words", FORMS)
def test_ways_to_write_codes_are_recognised_and_told(golden, network, port, words):
    def write(path, tensor):
        form = FORMS[words](tensor, lambda q: network.real(path.stem, q))
        np.save(path, form.transpose(0, 3, 1, 2) if form.ndim == 4 else form)

    found = compare(golden, port(write=write), model=MODEL)
    assert found.exit_code == 0
    assert told(found) == [f"the port's codes are {words}, 31 of 31: taken for what they are"]


def raw(path, tensor):
    tensor.tofile(path.with_suffix(".bin"))


def hexadecimal(path, tensor):
    path.with_suffix(".hex").write_text("\n".join(f"{byte:02x}" for byte in tensor.tobytes()))


@pytest.mark.parametrize("write", [raw, hexadecimal])
def test_bytes_of_no_type_are_the_golden_s(golden, port, write):
    """Files that do not say what they hold; sums among them."""
    target = port(write=write)
    with open_reader(golden) as reader:
        reader.read("stem.accumulator").array.tofile(target / "stem.accumulator.bin")
    found = compare(golden, target, model=MODEL)
    assert (found.verdict, told(found)) == ("exact: 32 tensors", [])


def test_bytes_of_no_type_that_are_128_more(golden, port):
    found = compare(golden, port(write=lambda path, tensor: raw(path, tensor ^ np.int8(-128))), model=MODEL)
    assert found.exit_code == 0
    assert told(found) == ["the port's codes are uint8, 128 more than int8, 31 of 31: taken for what they are"]


def test_too_few_bytes_of_no_type(golden, port):
    target = port(write=raw)
    path = target / "stem.bin"
    path.write_bytes(path.read_bytes()[:-768])
    found = compare(golden, target, model=MODEL)
    assert found.findings[0].text == "cannot be read: 17,664 bytes, where 18,432 numbers of int8 belong"


def test_bytes_are_what_is_said_of_them(golden, port):
    found = compare(golden, port(write=raw), model=MODEL, dtype="uint8")
    assert "uint8 with the bits of int8, two's complement" in told(found)[0]


def test_real_numbers_that_are_no_codes(golden, port):
    found = compare(golden, port(write=lambda path, tensor: np.save(path, tensor + np.float32(0.3))), model=MODEL)
    assert found.exit_code == 1
    assert "float32, and no numbers that codes of int8 stand for" in found.findings[0].text


def test_codes_beside_a_golden_of_real_numbers(recorded, tmp_path):
    (tmp_path / "port").mkdir()
    np.save(tmp_path / "port" / "logits.npy", recorded.tensors["logits"].astype(np.int8))
    found = compare(recorded.path, tmp_path / "port")
    assert "int8, where the golden has real numbers, float32" in found.findings[0].text


def test_sums_are_compared_and_explained(golden, network, port):
    """A port's own accumulators show the mistake before any rounding."""
    target = port()
    each = next(one for one in network.weights.network.operations if one.name == "block2a.project")
    codes = np.load(target / "block2a.expand.npy"), np.load(target / "block2a.depthwise.npy")
    total = accumulate(each, codes[1], network.codes["block2a.depthwise"])
    np.save(target / "block2a.project.accumulator.npy", (total - each.kernel.bias).astype(np.int32))
    found = compare(golden, target, model=MODEL)
    assert found.first_wrong.name == "block2a.project.accumulator"
    assert found.diagnoses["block2a.project.accumulator"].mistake == "bias-omitted"


def test_explain_takes_codes(golden, network):
    with open_reader(golden) as reader:
        x, y = (reader.read(name).array for name in ("stem", "block1a.depthwise"))
    assert refnet.explain(x, y, "block1a.depthwise", network).sentence == "block1a.depthwise: exact"
    found = refnet.explain(x, np.minimum(y, np.int8(-60)), "block1a.depthwise", network)
    assert found.sentence.startswith("block1a.depthwise: wrong: the results are clamped to -128 to -60, not to")
    with pytest.raises(InputError, match="reads int8 of the shapes"):
        refnet.explain(x.astype(np.float32), y, "block1a.depthwise", network)
    with pytest.raises(InputError, match="want one of stem, block1a"):
        refnet.explain(x, y, "stem.bn", network)


def test_a_model_of_real_numbers_is_not_that_of_codes(golden):
    with pytest.raises(InputError, match="the golden was recorded with"):
        compare(golden, golden, model="lite0")
    with pytest.raises(InputError, match="a golden of integers is exact by itself"):
        compare(golden, golden, model=MODEL, other_weights="lite0")


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("entry-toward-zero", lambda x, by: np.trunc(x / by.scale) + by.zero_point),
        ("entry-blue-green-red", lambda x, by: np.rint(x / by.scale)[..., ::-1] + by.zero_point),
        ("entry-uint8-zero", lambda x, by: np.rint(x / by.scale) + by.zero_point + 128),
    ],
)
def test_the_input_s_codes_are_explained_from_the_picture(golden, network, tmp_path, name, made):
    (tmp_path / "port").mkdir()
    with open_reader(golden) as reader:
        picture = reader.read("picture").array
    x = network.preprocess(picture)
    codes = np.clip(made(x, network.codes["input"]), -128, 127).astype(np.int8)
    np.save(tmp_path / "port" / "input.npy", codes)
    found = compare(golden, tmp_path / "port", model=MODEL)
    assert found.diagnoses["input"].mistake == name


def test_a_damaged_dump_is_told_apart_from_a_wrong_step(golden, port):
    target = port()
    tensor = np.load(target / "block2a.project.npy")
    tensor[0, 3] = 0
    np.save(target / "block2a.project.npy", tensor)
    found = compare(golden, target, model=MODEL)
    assert [name for name, outcome in outcomes(found).items() if outcome == "wrong"] == ["block2a.project"]
    assert found.places == (
        "block2a.project: wrong in row 3 of 12, where 0 stands: 94 of 1,152 elements, first (0, 3, 0, 0): "
        "0 instead of 21; all else is right",
    )
    assert "the port went on with the right codes" in found.findings[0].text
    assert not found.diagnoses


def test_nan_is_no_code(golden, port):
    target = port()
    np.save(target / "stem.npy", np.full((1, 24, 24, 32), np.nan, np.float32))
    found = compare(golden, target, model=MODEL)
    assert (found.first_wrong.name, found.exit_code) == ("stem", 1)
    assert "no numbers that codes of int8 stand for" in found.findings[0].text


def test_runs_that_differ(golden, port, tmp_path):
    target = port()
    (tmp_path / "other").mkdir()
    for path in target.iterdir():
        np.save(tmp_path / "other" / path.name, np.load(path) ^ np.int8(path.stem == "pool"))
    found = compare(golden, target, tmp_path / "other", model=MODEL)
    assert found.verdict.startswith("the runs differ, first in pool; ")
    assert found.runs.judged == 0


def test_the_page_and_the_table(golden, port, tmp_path, capsys):
    target = port(lambda name: of_one_policy("truncate") if name == "block2a.depthwise" else TFLM)
    page = tmp_path / "report.html"
    assert main(["compare", str(golden), str(target), "--model", str(MODEL), "--html", str(page)]) == 1
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["tensor", "verdict", "judged", "differ", "of", "largest", "end", "to", "end"]
    (line,) = [line.split() for line in lines if line.startswith("block2a.depthwise ")]
    assert line[:7] == ["block2a.depthwise", "wrong", "by", "itself", "1,613", "6,912", "1"]
    text = page.read_text()
    assert "policy truncate" in text
    assert "noise floor" not in text
