"""Networks as ONNX files: what is in them, and that ONNX Runtime makes the same tensors of them.

Needs onnx and onnxruntime: without them these tests fail.
"""

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.places import CHELSEA
from helpers.tops import TOPS, weights_with
from onnx import numpy_helper

import refnet
from refnet import cli
from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.errors import InputError, RefnetError, WeightsError
from refnet.export.onnx import export_onnx
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.preprocessing.recipe import LITE, Recipe
from refnet.reference.numerics import NUMERICS_VERSION
from refnet.weights import synthetic, writer
from refnet.weights.schema import parse_architecture
from refnet.weights.weights import Provenance, Weights

# ONNX Runtime rounds in another order: rms of the difference, relative to the tensor's. 2e-6 is what was seen.
TOLERANCE = 1e-5

TIGER_CAT = 282


@pytest.fixture(scope="module")
def tiny():
    """Weights of a small network with squeeze-excite, and the padding and epsilon of another publisher."""
    return tiny_weights(classes=3)


def tiny_weights(classes):
    architecture = efficientnet(Coefficients(0.1, 0.1, 32), name="tiny", classes=classes)
    return Weights(
        architecture=architecture,
        padding="symmetric",
        bn_eps=1e-5,
        recipe=LITE,
        tensors=synthetic.tensors(architecture),
        labels=None,
        provenance=Provenance(publisher="a test", licence="CC0-1.0"),
    )


@pytest.fixture(scope="module")
def cases(tiny, tmp_path_factory):
    """Networks, each with a picture and its exported graph."""
    b0, lite0 = Network(synthetic_weights("b0")), refnet.load("lite0")
    networks = {
        "lite0": (lite0, lite0.preprocess(CHELSEA)),
        "b0": (b0, synthetic.picture_tensor(64, 97)),
        "tiny": (Network(tiny), synthetic.picture_tensor(33, 50)),
        "features": (Network(tiny_weights(classes=0)), synthetic.picture_tensor(33, 50)),
        "folded": (Network(weights_with(folded=True, padding="same@40")), synthetic.picture_tensor(33, 50)),
        **{name: (Network(weights_with(top)), synthetic.picture_tensor(33, 50)) for name, top in TOPS.items()},
    }
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    found = {}
    for name, (net, x) in networks.items():
        export_onnx(net.weights, path, size=x.shape[1:3])
        found[name] = (net, x, onnx.load(path))
    return found


each_case = pytest.mark.parametrize("case", ["lite0", "b0", "tiny", "features", "folded", *TOPS])


def run(model, x, wanted):
    """Run a graph in ONNX Runtime on x [N, H, W, 3]; return tensors by name, channels last."""
    with_outputs = onnx.ModelProto()
    with_outputs.CopyFrom(model)
    inner = {value.name: value for value in model.graph.value_info}
    with_outputs.graph.output.extend(inner[name] for name in wanted if name in inner)
    session = onnxruntime.InferenceSession(with_outputs.SerializeToString(), providers=["CPUExecutionProvider"])
    tensors = session.run(wanted, {names.INPUT: np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
    return {name: np.moveaxis(tensor, 1, -1) for name, tensor in zip(wanted, tensors, strict=True)}


def relative_distance(theirs, ours):
    """Rms of the difference, relative to the rms of ours."""
    ours = ours.astype(np.float64)
    return float(np.sqrt(np.mean((theirs.reshape(ours.shape) - ours) ** 2) / np.mean(ours**2)))


def exported_name(step, part):
    """Name in the graph of one of refnet's tensors: the last part of a step is the step."""
    return step.name if part in step.parts[-1:] else part


def node_of(model, name):
    (node,) = (node for node in model.graph.node if node.output == [name])
    return node


def attributes_of(node):
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


class TestGraph:
    @each_case
    def test_is_valid_onnx(self, cases, case):
        _, _, model = cases[case]
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert (model.producer_name, model.producer_version) == ("refnet", refnet.__version__)

    @each_case
    def test_every_tensor_of_the_plan_is_there_by_name(self, cases, case):
        net, x, model = cases[case]
        plan = make_plan(net.weights.architecture, x.shape[1:3], padding=net.weights.padding)
        known = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
        assert [node.name for node in model.graph.node] == [
            output for node in model.graph.node for output in node.output
        ]
        assert set(known) == {node.name for node in model.graph.node} - {"pool.reciprocal"}  # of a weight: no batch
        for step in plan:
            for part in (step.name, *step.parts):
                batch, channels, *rest = known[exported_name(step, part)].type.tensor_type.shape.dim
                assert batch.dim_param == "N"
                shape = (*(side.dim_value for side in rest), channels.dim_value)
                assert shape in (step.shape, (1, 1, *step.shape))

    def test_names(self, cases):
        _, _, model = cases["b0"]
        made = [node.name for node in model.graph.node]
        start = made.index("block2a.depthwise.conv")
        assert made[start : start + 14] == [
            "block2a.depthwise.conv", "block2a.depthwise.bn", "block2a.depthwise.sigmoid", "block2a.depthwise",
            "block2a.squeeze",
            "block2a.reduce.dense", "block2a.reduce.sigmoid", "block2a.reduce",
            "block2a.gate.dense", "block2a.gate",
            "block2a.excite",
            "block2a.project.conv", "block2a.project",
            "block2b.expand.conv",
        ]  # fmt: skip
        assert made[-4:] == ["pool.mean", "pool", "logits", "probabilities"]
        assert [value.name for value in model.graph.input] == ["input"]
        assert [value.name for value in model.graph.output] == ["logits", "probabilities"]
        _, _, without_classifier = cases["features"]
        assert [value.name for value in without_classifier.graph.output] == ["pool"]

    @each_case
    def test_weights_are_the_published_bits(self, cases, case):
        net, _, model = cases[case]
        found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        constants = {"zero": 0, "six": 6, "floor": 1e-6, "pool/divisor": 2, "top/scaled/divisor": None}
        temperature = net.weights.architecture.top.temperature
        for name in constants.keys() & found.keys():
            assert found.pop(name) == np.float32(temperature if constants[name] is None else constants[name])
        assert list(found) == [weight.key for weight in net.plan.weights]
        for step in net.plan:
            for weight in step.weights:
                ours, theirs = net.weights.tensors[weight.key], found[weight.key]
                if step.op == "convolution" and weight.key.endswith("kernel"):
                    theirs = theirs.transpose(2, 3, 1, 0)
                elif step.op == "depthwise" and weight.key.endswith("kernel"):
                    theirs = theirs.transpose(2, 3, 0, 1)[..., 0]
                elif theirs.ndim == 4:
                    theirs = theirs[:, :, 0, 0].transpose()
                assert (theirs.dtype, theirs.shape) == (np.float32, ours.shape)
                assert theirs.tobytes() == ours.tobytes()

    @each_case
    def test_pads_and_epsilon_are_written_out(self, cases, case):
        net, x, model = cases[case]
        plan = make_plan(net.weights.architecture, x.shape[1:3], padding=net.weights.padding)
        for step in plan:
            if step.normalized:
                conv = attributes_of(node_of(model, f"{step.name}.conv"))
                assert conv == {
                    "kernel_shape": [step.kernel] * 2,
                    "strides": [step.stride] * 2,
                    "pads": [step.pads.top, step.pads.left, step.pads.bottom, step.pads.right],
                    "group": step.shape[-1] if step.op == "depthwise" else 1,
                }
                norm = attributes_of(node_of(model, exported_name(step, f"{step.name}.bn")))
                assert norm == {"epsilon": np.float32(net.weights.bn_eps)}
        if case in ("lite0", "b0", "tiny", "features"):
            assert attributes_of(node_of(model, "stem.conv"))["pads"] == {
                "lite0": [0, 0, 1, 1], "b0": [0, 1, 1, 1], "tiny": [1, 1, 1, 1], "features": [1, 1, 1, 1],
            }[case]  # fmt: skip

    def test_metadata(self, cases):
        net, _, model = cases["lite0"]
        found = {entry.key: entry.value for entry in model.metadata_props}
        assert Recipe.from_json(found.pop("recipe")) == net.weights.recipe
        assert parse_architecture(found.pop("architecture")) == net.weights.architecture
        assert found == {
            "variant": "lite0",
            "padding": "same",
            "bn_eps": "0.001",
            "publisher": net.weights.provenance.publisher,
            "source": net.weights.provenance.source,
            "source_sha256": net.weights.provenance.source_sha256,
            "averaging": "ema",
            "licence": "Apache-2.0",
            "weights_digest": net.weights.digest(),
            "refnet_version": refnet.__version__,
            "numerics_version": str(NUMERICS_VERSION),
        }


class TestInOnnxRuntime:
    @each_case
    def test_every_tensor_is_near_refnets(self, cases, case):
        net, x, model = cases[case]
        plan = make_plan(net.weights.architecture, x.shape[1:3], padding=net.weights.padding)
        exported = {part: exported_name(step, part) for step in plan for part in (step.name, *step.parts)}
        ours = net.features(x, list(exported))
        theirs = run(model, x, sorted(set(exported.values())))
        for part, name in exported.items():
            assert relative_distance(theirs[name], ours[part]) < TOLERANCE, part

    def test_the_photograph(self, cases):
        net, x, model = cases["lite0"]
        theirs = run(model, x, [names.LOGITS, names.PROBABILITIES])
        np.testing.assert_allclose(theirs[names.LOGITS], net.logits(x), rtol=0, atol=1e-4)
        np.testing.assert_allclose(theirs[names.PROBABILITIES], net.probabilities(x), rtol=1e-4, atol=0)
        assert theirs[names.LOGITS].argmax() == TIGER_CAT

    @pytest.mark.parametrize("batch", [1, 3])
    def test_any_batch(self, cases, batch):
        net, x, model = cases["b0"]
        several = np.concatenate([x * np.float32(0.5**n) for n in range(batch)])
        (theirs,) = run(model, several, [names.LOGITS]).values()
        assert theirs.shape == (batch, 1000)
        for ours, found in zip(net.logits(several), theirs, strict=True):
            assert relative_distance(found, ours) < TOLERANCE


class TestFile:
    def test_same_weights_same_bytes(self, tiny, tmp_path):
        export_onnx(tiny, tmp_path / "one.onnx")
        export_onnx(tiny, str(tmp_path / "two.onnx"), size=(32, 32))
        export_onnx(tiny, tmp_path / "other.onnx", size=33)
        one, two, other = ((tmp_path / f"{name}.onnx").read_bytes() for name in ("one", "two", "other"))
        assert one == two != other

    def test_an_existing_file_is_replaced(self, tiny, tmp_path):
        path = tmp_path / "net.onnx"
        path.write_text("something else")
        export_onnx(tiny, path)
        assert onnx.load(path).graph.name == "tiny"
        assert list(tmp_path.iterdir()) == [path]

    def test_what_the_checker_refuses_is_not_left_behind(self, tiny, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise onnx.checker.ValidationError("no")

        path = tmp_path / "net.onnx"
        path.write_text("as it was")
        monkeypatch.setattr(onnx.checker, "check_model", refuse)
        with pytest.raises(refnet.RefnetError, match="checker refuses the graph: no"):
            export_onnx(tiny, path)
        assert path.read_text() == "as it was"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            (".", "not written: it is a directory"),
            ("nowhere/net.onnx", "net.onnx not written: there is no directory .*nowhere"),
            ("a_file/net.onnx", "net.onnx not written: there is no directory .*a_file"),
            ("null\0.onnx", "not written: embedded null byte"),
        ],
    )
    def test_wrong_places(self, tiny, tmp_path, path, message):
        (tmp_path / "a_file").touch()
        with pytest.raises(InputError, match=message):
            export_onnx(tiny, tmp_path / path)
        assert [file.name for file in tmp_path.iterdir()] == ["a_file"]

    def test_what_is_no_file_stays(self, tiny, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InputError, match="pipe not written: it is no regular file"):
            export_onnx(tiny, tmp_path / "pipe")
        assert (tmp_path / "pipe").is_fifo()


class TestWrongArguments:
    def test_no_weights(self, tmp_path):
        with pytest.raises(InputError, match=r"cannot export str; want weights, as Network\.weights"):
            export_onnx("lite0", tmp_path / "net.onnx")

    def test_no_path(self, tiny):
        with pytest.raises(InputError, match="cannot write to None; want a path"):
            export_onnx(tiny, None)

    def test_size(self, tiny, tmp_path):
        with pytest.raises(InputError, match="input size 0x5: each side must be 1 to 16384 pixels"):
            export_onnx(tiny, tmp_path / "net.onnx", size=(0, 5))

    def test_tensors_of_another_network(self, tiny, tmp_path):
        missing = {key: tensor for key, tensor in tiny.tensors.items() if key != "stem/kernel"}
        with pytest.raises(WeightsError, match="not the tensors of tiny: stem/kernel is missing"):
            export_onnx(replace(tiny, tensors=missing), tmp_path / "net.onnx")

    def test_too_large(self, tiny, tmp_path, monkeypatch):
        monkeypatch.setattr("refnet.export.onnx.MAX_BYTES", 1000)
        with pytest.raises(InputError, match=r"tiny has [0-9,]+ bytes of weights; an ONNX file holds 2 GiB"):
            export_onnx(tiny, tmp_path / "net.onnx")

    def test_without_onnx(self, tiny, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnx", None)
        with pytest.raises(RefnetError, match=r"export needs the package onnx .*: pip install 'refnet\[onnx\]'"):
            export_onnx(tiny, tmp_path / "net.onnx")
        assert list(tmp_path.iterdir()) == []


class TestCommand:
    @pytest.fixture
    def run(self, capsys, monkeypatch, tmp_path, tiny):
        """Run one command in a directory with a weight file: exit code, standard output, standard error."""
        monkeypatch.chdir(tmp_path)
        writer.write("tiny.h5", tiny)

        def run(command):
            code = cli.main(shlex.split(command))
            return code, *capsys.readouterr()

        return run

    def test_a_file(self, run, tiny):
        code, out, err = run("export tiny.h5 -o tiny.onnx")
        content = Path("tiny.onnx").read_bytes()
        assert (code, out, err) == (0, f"tiny.onnx  tiny  32x32  {len(content):,} bytes\n", "")
        export_onnx(tiny, "same.onnx")
        assert Path("same.onnx").read_bytes() == content

    def test_size(self, run):
        code, out, _ = run("export lite0@synthetic --size 33x64 --output net.onnx")
        assert code == 0
        assert out.startswith("net.onnx  lite0  33x64  ")
        dims = onnx.load("net.onnx").graph.input[0].type.tensor_type.shape.dim
        assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", 3, 33, 64]

    @pytest.mark.parametrize(
        ("command", "message"),
        [
            ("export tiny.h5", "the following arguments are required: -o/--output; see `refnet export --help`"),
            ("export -o net.onnx", "the following arguments are required: MODEL; see `refnet export --help`"),
            ("export b9 -o net.onnx", "unknown model 'b9'; want one of b0, b1"),
            ("export nowhere.h5 -o net.onnx", "nowhere.h5 does not exist"),
            ("export tiny.h5 -o .", ". not written: it is a directory"),
            ("export tiny.h5 -o ''", ". not written: it is a directory"),
            ("export tiny.h5 -o nowhere/net.onnx", "nowhere/net.onnx not written: there is no directory nowhere"),
            ("export tiny.h5 -o net.tflite", "net.tflite not written: tiny is of real numbers"),
            ("export tiny.h5 -o net", "net not written: its name has no ending; want .onnx or .tflite"),
            ("export tiny.h5 -o net.onnx --size 5x", "argument --size: '5x' is not a size"),
            ("export tiny.h5 -o net.onnx --size 0x5", "input size 0x5: each side must be 1 to 16384 pixels"),
        ],
    )
    def test_one_line_for_what_is_wrong(self, run, command, message):
        code, out, err = run(command)
        assert (code, out) == (2, "")
        assert err.startswith(f"refnet: error: {message}")
        assert err.count("\n") == 1
        assert [file.name for file in Path().iterdir()] == ["tiny.h5"]

    def test_without_onnx(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnx", None)
        code, out, err = run("export tiny.h5 -o net.onnx")
        assert (code, out) == (2, "")
        assert err.startswith("refnet: error: export needs the package onnx (")
        assert err.endswith("): pip install 'refnet[onnx]'\n")

    def test_help(self, run, capsys):
        with pytest.raises(SystemExit, match="0"):
            run("export --help")
        assert capsys.readouterr().out.startswith("usage: refnet export [-h] -o FILE")
        assert "export" in run("")[2]
