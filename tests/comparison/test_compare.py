"""Comparisons: judged by itself and end to end, and every odd thing said as a finding."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
from helpers import recorded_runs

from refnet.comparison import compare
from refnet.errors import InputError
from refnet.golden.axes import activation_layout, axes_of, to_layout
from refnet.golden.dtypes import encode
from refnet.golden.read import open_reader
from refnet.golden.record import record
from refnet.hub.models import synthetic_weights
from refnet.network import Network
from refnet.weights import synthetic


def first(tensor):
    """Channels first, as the port has them."""
    return np.moveaxis(tensor, -1, 1)


def outcomes(found):
    return {row.name: row.outcome for row in found.tensors}


def said(found, kind):
    return [(finding.step, finding.text) for finding in found.findings if finding.kind == kind]


@pytest.fixture
def no_model(recorded, tmp_path):
    """The golden, of a model that is not on this machine."""
    golden = tmp_path / "golden"
    shutil.copytree(recorded.path, golden)
    manifest = golden / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"b0@synthetic"', '"/somewhere/model.h5"'))
    return golden


class TestVerdicts:
    def test_the_same_numbers_are_exact(self, recorded, port):
        found = compare(recorded.path, port())
        assert (found.exit_code, found.verdict, found.findings) == (0, "exact: 12 tensors", ())
        assert {row.order for row in found.tensors if len(row.shape) == 4} == {"NCHW"}
        assert [row.run_from for row in found.tensors][:3] == [(), ("input",), ("stem",)]
        assert found.tensors[6].run_from == ("block1a.depthwise", "block1a.gate")

    def test_its_own_roundings(self, recorded, port):
        stem = recorded.tensors["stem"]
        found = compare(recorded.path, port({"stem": first(stem * np.float32(1 + 2**-23))}))
        assert found.exit_code == 0
        assert outcomes(found)["stem"] == "rounded"
        assert found.verdict.startswith("exact or differently rounded: 12 tensors, 2 of them rounded, at most ")
        exactly = compare(recorded.path, found.actual, exact=True)
        assert exactly.exit_code == 1
        assert exactly.verdict.startswith("first different: stem (tensor 2 of 12): differently rounded, ")

    def test_an_early_mistake_does_not_hide_a_later_one(self, recorded, port):
        """The port squares the first gate and goes on rightly from there; then it doubles an expansion."""
        run = partial(recorded.net.resume, size=(40, 56))
        made = dict(run({"input": recorded.x}, ["block1a.depthwise", "block1a.gate"]))
        made["block1a.gate"] **= 2
        made |= dict(run(made, ["block1a.excite", "block1a.project"]))
        made |= dict(run({"block1a.project": made["block1a.project"]}, ["block2a.expand"]))
        made["block2a.expand"] *= 2
        made |= dict(
            run({"block2a.expand": made["block2a.expand"]}, ["block2a.depthwise", "block2a.squeeze", "logits"])
        )
        changed = {name: first(tensor) for name, tensor in made.items()}
        found = compare(recorded.path, port(changed))
        assert found.exit_code == 1
        assert [row.name for row in found.wrong_by_themselves] == ["block1a.gate", "block2a.expand"]
        assert found.verdict.startswith("first wrong: block1a.gate (tensor 6 of 12): relative error ")
        assert found.verdict.endswith("; wrong by themselves too: block2a.expand")
        carried = {row.name for row in found.tensors if row.end_to_end.outcome == "wrong" and row.outcome != "wrong"}
        assert carried == {"block1a.excite", "block1a.project", "block2a.depthwise", "block2a.squeeze", "logits"}

    def test_judged_over_a_gap(self, recorded, port):
        """Where the tensor just before is missing, the run begins further up."""
        found = compare(recorded.path, port(only=["stem", "block1a.project", "logits"]))
        assert [(row.name, row.outcome, row.run_from) for row in found.tensors] == [
            ("stem", "exact", ()), ("block1a.project", "exact", ("stem",)), ("logits", "exact", ("block1a.project",)),
        ]  # fmt: skip

    def test_a_piece_is_judged_too(self, recorded, port):
        expand = recorded.tensors["block2a.expand"]
        piece = expand[:, 0:8, 4:8, 16:32]
        port = port({"block2a.expand[:,0:8,4:8,16:32]": piece * 2}, only=["block1a.project"])
        found = compare(recorded.path, port)
        row = found.tensors[1]
        assert (row.outcome, row.run_from, row.part) == (
            "wrong",
            ("block1a.project",),
            ((0, 1), (0, 8), (4, 8), (16, 32)),
        )
        assert row.by_itself.distance.max_abs == np.abs(piece).max()

    @pytest.mark.parametrize("part", [((0, 1), (0, 8), (0, 6), (0, 16)), ((0, 1), (2, 8), (3, 6), (8, 16))])
    def test_a_golden_of_pieces(self, recorded, tmp_path, part):
        """Beside the same pieces, smaller ones, and whole tensors, each judged end to end."""
        golden, steps = tmp_path / "golden", ["block1a.project", "block2a.expand"]
        recorded_runs.write_golden(golden, recorded.net, recorded.x, "b0@synthetic", steps, part=part)
        project = recorded.tensors["block1a.project"]
        place = recorded_runs.save(
            tmp_path / "port",
            {
                "block1a.project": project[tuple(slice(*bounds) for bounds in part)],
                "block2a.expand[:1, 4:8, 4:6, 8:12]": recorded.tensors["block2a.expand"][:, 4:8, 4:6, 8:12],
            },
        )
        for actual in (place, recorded.path):
            found = compare(golden, actual, steps=steps)
            assert (found.tensors[0].outcome, found.tensors[0].run_from) == ("exact", ("input",) * (actual != place))
            assert outcomes(found)["block2a.expand"] == "exact"
            assert all(row.end_to_end.judgement.verdict == "exact" for row in found.tensors)

    def test_no_model(self, recorded, port, no_model):
        stem = recorded.tensors["stem"]
        found = compare(no_model, port({"stem": first(stem * np.float32(1 + 2**-23))}))
        assert (found.exit_code, outcomes(found)["stem"], outcomes(found)["logits"]) == (1, "differs", "exact")
        assert said(found, "model") == [
            (None, "nothing is judged by itself, since the golden's model cannot be run here: /somewhere/model.h5 is a "
             "file, which is only opened if you say --model /somewhere/model.h5")
        ]  # fmt: skip
        assert outcomes(compare(no_model, found.actual, model="b0@synthetic"))["stem"] == "rounded"

    def test_truth_from_a_file(self, recorded, port, tmp_path, no_model):
        truth = Network(synthetic_weights("b0"), dtype="float64")
        steps = list(recorded.tensors)[1:]
        recorded_runs.write_golden(tmp_path / "truth", truth, recorded.x, "b0@synthetic", steps, dtype="float64")
        stem = recorded.tensors["stem"]
        changed = port({"stem": first(stem * np.float32(1 + 2**-23))}, only=["stem", "logits"])
        found = compare(no_model, changed, truth=tmp_path / "truth")
        assert [(row.outcome, row.by_itself) for row in found.tensors] == [("rounded", None), ("exact", None)]
        with pytest.raises(
            InputError,
            match=r"was computed in float32; want one in float64: `refnet golden MODEL --dtype float64 -o DIR`",
        ):
            compare(recorded.path, changed, truth=recorded.path)

    def test_raw_tiles(self, recorded, tmp_path):
        """Also the eight numbers that take sixteen places, and what is made from them."""
        place, layout = tmp_path / "port", activation_layout("NCHW", "C:16")
        place.mkdir()
        for name, tensor in recorded.tensors.items():
            (place / f"{name}.bin").write_bytes(to_layout(tensor, axes_of(tensor.shape), layout).tobytes())
        found = compare(recorded.path, place, order="NCHW", tile="C:16")
        assert (found.exit_code, found.verdict, said(found, "order")) == (0, "exact: 12 tensors", [])
        assert {row.name: row.run_from for row in found.tensors}["block1a.gate"] == ("block1a.reduce",)

    @pytest.mark.parametrize(
        ("order", "tile", "ending"), [("NCHW", "C:16", "bin"), ("NHWC", "C:8", "npy"), ("NCHW", "C:4", "npy")]
    )
    def test_tiles_that_nobody_states(self, recorded, tmp_path, order, tile, ending):
        """They are found by their numbers, as long as the port's first pictures are right; a mistake shows."""
        place, layout = tmp_path / "port", activation_layout(order, tile)
        place.mkdir()
        tensors = recorded.tensors | {"block2a.depthwise": recorded.tensors["block2a.depthwise"] * 2}
        for name, tensor in tensors.items():
            laid = to_layout(tensor, axes_of(tensor.shape), layout)
            if ending == "npy":
                np.save(place / f"{name}.npy", laid)
            else:
                (place / f"{name}.bin").write_bytes(laid.tobytes())
        found = compare(recorded.path, place)
        text = f"the port's tensors lie in tiles, by their numbers; --order {order} --tile {tile} says so"
        assert (said(found, "order"), found.first_wrong.name) == ([(None, text)], "block2a.depthwise")

    def test_other_numbers_are_no_tiles(self, recorded, port):
        found = compare(recorded.path, port({"input": first(recorded.tensors["input"])[:, :, ::-1]}))
        assert said(found, "order") == []

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
    def test_other_formats(self, recorded, tmp_path, dtype):
        place = tmp_path / "port"
        place.mkdir()
        for name, tensor in recorded.tensors.items():
            (place / f"{name}.bin").write_bytes(encode(first(tensor), dtype).tobytes())
        found = compare(recorded.path, place, dtype=dtype)
        assert found.exit_code == 0
        assert set(outcomes(found).values()) <= {"exact", "rounded"}
        assert all(row.end_to_end.distance.share_equal == 1 for row in found.tensors)
        narrower = f"{dtype} where the golden has float32, 12 of 12: measured in the narrower of both"
        assert said(found, "dtype") == [(None, narrower)]

    def test_only_some_steps(self, recorded, port):
        found = compare(recorded.path, port(), steps=["block1a.*", "stem"])
        assert [row.name for row in found.tensors] == [
            "stem", "block1a.depthwise", "block1a.squeeze", "block1a.reduce", "block1a.gate", "block1a.excite",
            "block1a.project",
        ]  # fmt: skip
        assert found.tensors[0].run_from == ("input",)
        with pytest.raises(InputError, match=r"the golden has no 'blok\*'; it has input, stem"):
            compare(recorded.path, found.actual, steps=["blok*"])


class TestResumed:
    """A golden that goes on from a tensor of the port's: what came before was another run."""

    @pytest.fixture
    def rest(self, recorded, tmp_path):
        mine = recorded.tensors["block1a.project"]
        x = synthetic.picture_tensor(40, 56)[:, ::-1].copy()
        record(recorded.net, tmp_path / "rest", x=x, given={"block1a.project": mine})
        return tmp_path / "rest"

    def test_its_input_is_left_out(self, recorded, rest, tmp_path):
        with open_reader(rest) as reader:
            tensors = {name: reader.read(name).array for name in reader.names} | {"input": recorded.x}
        found = compare(rest, recorded_runs.save(tmp_path / "port", tensors), model="b0@synthetic")
        assert found.exit_code == 0
        assert [row.name for row in found.tensors][:2] == ["block1a.project", "block2a.expand"]
        assert {row.end_to_end.outcome for row in found.tensors} == {"exact"}
        asked = compare(rest, tmp_path / "port", model="b0@synthetic", steps=["input"])
        assert asked.first_wrong.name == "input"

    def test_end_to_end_begins_with_what_was_given(self, recorded, rest, tmp_path):
        with open_reader(rest) as reader:
            logits = reader.read("logits").array
        found = compare(rest, recorded_runs.save(tmp_path / "port", {"logits": logits}), model="b0@synthetic")
        (row,) = found.tensors
        assert (row.outcome, row.by_itself) == ("exact", None)
        assert row.end_to_end.relative < 1e-5


class TestFindings:
    def test_missing_and_unknown(self, recorded, port):
        found = compare(recorded.path, port({"stemm": np.zeros(3, np.float32)}, only=["input", "logits"]))
        assert found.exit_code == 0
        assert said(found, "names") == [(None, "not in the golden, so not compared: stemm (stem?)")]
        ((_, text),) = said(found, "missing")
        assert text.startswith("missing from the port, of the golden's 12 tensors: stem, block1a.depthwise, ")
        assert text.endswith(" and 6 more")

    def test_nothing_in_common(self, recorded, port):
        found = compare(recorded.path, port({"zebra": np.zeros(3, np.float32)}, only=[]))
        assert (found.exit_code, found.verdict) == (2, "nothing compared: no tensor is in both")

    def test_a_block_by_its_name(self, recorded, port):
        found = compare(recorded.path, port(), steps=["block2a", "stem"])
        assert [row.name for row in found.tensors] == ["stem", "block2a.expand", "block2a.depthwise", "block2a.squeeze"]

    def test_names_by_a_map(self, recorded, port):
        changed = port({"conv_0": first(recorded.tensors["stem"])}, only=["input"])
        assert outcomes(compare(recorded.path, changed, names={"conv_0": "stem"})) == {
            "input": "exact",
            "stem": "exact",
        }

    def test_no_numbers(self, recorded, port):
        stem = recorded.tensors["stem"].copy()
        stem[0, 1, 2, 3], stem[0, 1, 2, 4] = np.nan, np.inf
        found = compare(recorded.path, port({"stem": first(stem)}))
        assert said(found, "not finite") == [("stem", f"1 NaN and 1 infinite of {stem.size} elements")]
        assert found.first_wrong.name == "stem"
        assert found.tensors[2].run_from == ("input",)  # nothing is run from a NaN
        assert found.places == (
            "stem: wrong in channels 3 and 4 of 32, column 2 of 28, row 1 of 20: 2 of 17,920 elements, first "
            f"(0, 1, 2, 3): NaN instead of {recorded.tensors['stem'][0, 1, 2, 3]:.9g}; all else is right",
        )

    def test_numbers_that_are_none_are_told_once(self, recorded, port):
        names = ["block1a.depthwise", "block1a.squeeze", "block1a.project"]
        found = compare(recorded.path, port({name: first(recorded.tensors[name]) * np.nan for name in names}))
        assert said(found, "not finite") == [
            ("block1a.depthwise", f"{recorded.tensors[names[0]].size} NaN and 0 infinite of 17920 elements"),
            (
                None,
                "NaN or infinities are in 2 tensors after block1a.depthwise, which are made from it: block1a.squeeze, "
                "block1a.project",
            ),
        ]

    def test_what_is_made_from_none_follows(self, recorded, port):
        """Also where it is finite again, as by a ReLU6 that puts 0 in the place of NaN."""
        depthwise = np.full_like(recorded.tensors["block1a.depthwise"], np.inf)
        changed = {
            "block1a.depthwise": depthwise,
            "block1a.squeeze": recorded.tensors["block1a.squeeze"] * np.nan,
            "block1a.excite": recorded.tensors["block1a.excite"] * 0,
        }
        found = compare(recorded.path, port({name: first(tensor) for name, tensor in changed.items()}))
        follows = {row.name: row.follows for row in found.tensors if row.outcome == "wrong"}
        assert follows == {
            "block1a.depthwise": "", "block1a.squeeze": "block1a.depthwise", "block1a.excite": "block1a.depthwise",
        }  # fmt: skip
        assert [row.name for row in found.wrong_by_themselves] == ["block1a.depthwise"]

    def test_a_dump_of_none_that_was_damaged(self, recorded, port):
        found = compare(recorded.path, port({"stem": first(recorded.tensors["stem"]) * np.nan}))
        ((step, text),) = said(found, "dump")
        assert (step, text.partition(":")[0]) == ("stem", "block1a.depthwise, which is made from it, is right")
        assert found.wrong_by_themselves == found.tensors[1:2]

    def test_a_dump_that_was_damaged(self, recorded, port):
        """What is made from a tensor is right end to end: the port went on with other numbers than it dumped."""
        damaged = first(recorded.tensors["block1a.depthwise"]).copy()
        damaged[:, :, -1] = 0
        found = compare(recorded.path, port({"block1a.depthwise": damaged}))
        assert [row.name for row in found.tensors if row.outcome == "wrong"] == ["block1a.depthwise"]
        ((step, text),) = said(found, "dump")
        assert step == "block1a.depthwise"
        assert text.startswith("block1a.squeeze, which is made from it, is right: the port went on with")
        assert found.exit_code == 1

    def test_where_it_is_wrong(self, recorded, port):
        """In the port's tensor, and in a piece of it; what only follows is not told."""
        stem = recorded.tensors["stem"].copy()
        stem[:, 3::4] = 0
        changed = port({"stem": first(stem)}, only=["input", "logits"])
        sentence = "wrong in rows 3, 7, 11, 15, 19 of 20: row 3 of each strip of 4, where 0 stands: 4,479 of 17,920 "
        assert compare(recorded.path, changed).places[0].startswith(f"stem: {sentence}")
        (changed / "stem.npy").unlink()
        np.save(changed / "stem[:,4:12,:,:].npy", first(stem)[:, :, 4:12])
        found = compare(recorded.path, changed)
        assert found.places[0].startswith("stem: wrong in rows 7 and 11 of 20, where 0 stands: ")
        assert found.to_json()["tensors"][1]["where"]["first"] == [0, 7, 0, 0]

    def test_nothing_is_run_from_what_float32_cannot_hold(self, recorded, port):
        stem = np.full(first(recorded.tensors["stem"]).shape, 1e300)
        found = compare(recorded.path, port({"stem": stem}))
        assert (found.tensors[1].outcome, found.tensors[2].run_from) == ("wrong", ("input",))

    def test_shape_and_length(self, recorded, port):
        stem, project = recorded.tensors["stem"], recorded.tensors["block1a.project"]
        changed = {"stem": first(stem.transpose(0, 2, 1, 3)), "block1a.project": project.reshape(-1)[:-5]}
        found = compare(recorded.path, port(changed))
        assert found.exit_code == 1
        assert outcomes(found)["stem"] == outcomes(found)["block1a.project"] == "wrong"
        ((_, text),) = said(found, "shape")
        assert text.endswith("; height and width are swapped")
        ((_, text),) = said(found, "length")
        assert text.startswith(f"{project.size - 5} elements, expected {project.size}; the first {project.size - 5} ")

    def test_bytes_reversed(self, recorded, tmp_path):
        place = tmp_path / "port"
        place.mkdir()
        for name, tensor in recorded.tensors.items():
            (place / f"{name}.bin").write_bytes(tensor.astype(">f4").tobytes())
        found = compare(recorded.path, place, dtype="float32")
        assert found.exit_code == 1
        names = "input, stem, block1a.depthwise, block1a.squeeze and 8 more"
        text = f"the numbers are the golden's with the bytes reversed, big-endian: {names}"
        assert (said(found, "byte order"), found.diagnoses) == ([(None, text)], {})

    def test_axes_that_the_shapes_deny(self, recorded, tmp_path):
        """Said once, and of none that it was damaged, or computed otherwise."""
        place = tmp_path / "port"
        place.mkdir()
        for name, tensor in recorded.tensors.items():
            laid = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2)) if tensor.ndim == 4 else tensor
            np.save(place / name, laid.reshape(tensor.shape))
        found = compare(recorded.path, place)
        ((step, text),) = said(found, "order")
        assert step is None
        assert text.startswith("the numbers lie in the order NCHW, though the files' shapes say another: input, stem, ")
        assert (said(found, "dump"), found.diagnoses) == ([], {})

    def test_shuffled_names(self, recorded, port):
        one, other = first(recorded.tensors["block1a.depthwise"]), first(recorded.tensors["block1a.excite"])
        found = compare(recorded.path, port({"block1a.depthwise": other, "block1a.excite": one}))
        one, other = "block1a.depthwise", "block1a.excite"
        text = (
            f"{one} holds what the golden calls {other}, {other} holds what the golden calls {one}: are names shuffled,"
        )
        assert said(found, "names") == [(None, f"{text} or was it overwritten in place?")]
        assert not {one, other} & set(found.diagnoses)

    def test_unreadable(self, recorded, port):
        place = port()
        (place / "stem.npy").write_bytes(b"\x93NUMPY\x01\x00")
        found = compare(recorded.path, place)
        assert (found.exit_code, found.first_wrong.name) == (1, "stem")
        assert said(found, "unreadable")[0][0] == "stem"
        assert sum(row.outcome == "exact" for row in found.tensors) == 11

    def test_damaged_golden(self, recorded, port, tmp_path):
        golden = tmp_path / "golden"
        shutil.copytree(recorded.path, golden)
        file = golden / "stem.npy"
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        found = compare(golden, port())
        assert (found.exit_code, outcomes(found)["stem"]) == (2, "not compared")
        assert found.findings[0].kind == "damaged"
        assert "record the golden again" in found.findings[0].text

    def test_another_run(self, recorded, tmp_path):
        other = synthetic.picture_tensor(56, 40)
        recorded_runs.write_golden(tmp_path / "other", recorded.net, other, "b0@synthetic", ["stem"], origin="array y")
        found = compare(recorded.path, tmp_path / "other")
        assert found.exit_code == 1
        assert found.findings[0].kind == "other run"
        assert found.findings[0].text.endswith("on array y at 56x40")

    def test_a_run_on_a_smaller_picture(self, recorded, tmp_path):
        """Its tensors are no pieces of the golden's, though they would fit in there, and nothing is run from them."""
        smaller = synthetic.picture_tensor(32, 40)
        recorded_runs.write_golden(tmp_path / "other", recorded.net, smaller, "b0@synthetic", ["stem", "logits"])
        found = compare(recorded.path, tmp_path / "other")
        assert [finding.kind for finding in found.findings] == ["other run", "shape", "shape", "missing"]
        assert said(found, "shape")[1] == ("stem", "shape [1, 16, 20, 32], expected [1, 20, 28, 32]")

    def test_no_golden(self, port):
        place = port()
        with pytest.raises(InputError, match=r"port has no manifest, so it is no golden; `refnet golden MODEL -o DIR`"):
            compare(place, place)

    def test_the_models_weights_must_be_the_goldens(self, recorded, port):
        with pytest.raises(InputError, match=r"lite0 has the weights [0-9a-f]{12}, the golden was recorded with"):
            compare(recorded.path, port(), model="lite0")

    def test_tile_without_order(self, recorded, port):
        with pytest.raises(InputError, match="tile 'C:16' without an order"):
            compare(recorded.path, port(), tile="C:16")


def test_json_is_plain(recorded, port):
    stem = recorded.tensors["stem"].copy()
    stem[0, 0, 0, 0] = np.nan
    found = compare(recorded.path, port({"stem": first(stem)})).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["result"], found["first_wrong"], len(found["tensors"])) == ("different", "stem", 12)
