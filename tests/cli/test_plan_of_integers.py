"""``refnet plan`` of integers: what a port needs of each operation; and the other commands that only look at a file."""

import json

import h5py
import pytest
from helpers.places import DATA

from refnet import cli

LITE = str(DATA / "integers" / "lite.h5")


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main(list(arguments))
        return code, *capsys.readouterr()

    return run


def test_the_table(run):
    code, out, err = run("plan", LITE)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "tinylite in int8, picture 48x48, rounded as by tflm"
    assert lines[1] == "input: scale 0.00784279, zero point 0"
    rows = {line.split()[0]: line.split() for line in lines[4:] if line}
    assert rows["stem"][1:] == ["convolution", "3x3/2", "0", "1", "0", "1", "24x24x32", "-128…127", "0.0138048", "-128",
                                "497,664"]  # fmt: skip
    assert rows["block5a.add"][1:] == ["add", "3x3x16", "-128…127", "0.0487824", "-34"]


def test_json_has_what_the_file_has(run):
    code, out, _ = run("plan", LITE, "--json")
    found = json.loads(out)
    assert (code, found["engine"], found["input"]["comes_as"]) == (0, "tflm", "int8")
    by_name = {each["name"]: each for each in found["operations"]}
    with h5py.File(LITE) as file:
        for name, each in by_name.items():
            path = name.replace(".", "/")
            assert each["scale"] == file[f"{path}/scale"][0]
            assert each["zero_point"] == file[f"{path}/zero_point"][0]
        assert by_name["block5a.add"]["multiplier"] == file["block5a/add/multiplier"][:].tolist()
        at = by_name["stem"]["multiplier"]
        assert (at["at"], tuple(at["shape"])) == ("stem/multiplier", file["stem/multiplier"].shape)


def test_memory_and_another_size(run):
    code, out, _ = run("plan", LITE, "--size", "33x47", "--memory", "--threads", "2", "--json")
    found = json.loads(out)
    assert (code, found["height"], found["width"]) == (0, 33, 47)
    assert found["memory"]["total"] > found["memory"]["weights"] > 100_000
    assert "memory of a run" in run("plan", LITE, "--memory")[1]


@pytest.mark.parametrize(("options", "message"), [
    (["--padding", "same"], "--padding: only for networks of real numbers"),
    (["--memory", "--dtype", "float32"], "--dtype: only for networks of real numbers"),
    (["--threads", "2"], "--threads: only with --memory"),
])  # fmt: skip
def test_what_has_no_meaning(run, options, message):
    code, _, err = run("plan", LITE, *options)
    assert code == 2
    assert message in err


def test_info_and_verify(run):
    code, out, _ = run("info", LITE)
    assert code == 0
    assert "engine         tflm" in out
    code, out, _ = run("verify", LITE)
    assert code == 0
    assert "intact (200 tensors, digest " in out
    found = json.loads(run("info", LITE, "--json")[1])
    assert (found["weights"]["integers"], found["weights"]["kernel_scales"]) == ("int8", "per channel")
