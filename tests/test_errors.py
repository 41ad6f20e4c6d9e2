"""Errors: a text that can be read, and all of what it names the first few of."""

import copy
import pickle

import pytest

from refnet.checkpoints.naming.pairing import in_short
from refnet.errors import CheckpointError, CheckpointNotFoundError, ImageError, RefnetError, first_few
from refnet.preprocessing.read_image import read_image


def test_a_short_list_is_named_whole():
    assert first_few(["a", "b", "c", "d"]) == "a; b; c; d"


def test_of_a_long_list_the_first_are_named():
    assert first_few([str(i) for i in range(300)], by=", ") == "0, 1, 2, 3, and 296 more, which --verbose lists"


def test_a_long_name_is_cut():
    assert len(first_few(["x" * 1000] * 300)) < 500


@pytest.mark.parametrize("many", [10, 10_000])
def test_differences_in_short(many):
    wrong = [f"{i} is missing" for i in range(many)] + [f"{'x' * 500} is [3], not [4]"] * many + ["'y' is unknown"]
    text = in_short(wrong)
    assert text.startswith(f"{many} are missing: 0, 1, …; {many} are different: xxx")
    assert text.endswith("…; 1 is unknown: 'y'; --verbose lists all")
    assert len(text) < 400


def test_what_an_error_knows_survives():
    error = CheckpointNotFoundError("gone", filename="a.pth", details=["a", "b"], options=["--key ema", "--key net"])
    for each in (error, pickle.loads(pickle.dumps(error)), error.saying("gone")):
        assert (type(each), str(each), each.filename) == (CheckpointNotFoundError, "gone", "a.pth")
        assert (each.details, each.options, each.errno) == (("a", "b"), ("--key ema", "--key net"), 2)


def test_every_error_of_a_picture_crosses_processes_whole(tmp_path):
    for path in (tmp_path / "nowhere.png", tmp_path):
        with pytest.raises(ImageError) as raised:
            read_image(path)
        error, other = raised.value, pickle.loads(pickle.dumps(raised.value))
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))
        assert (other.errno, other.strerror, other.filename) == (error.errno, error.strerror, str(path))


def _kinds(kind: type[RefnetError]) -> list[type[RefnetError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _kinds(below))]


@pytest.mark.parametrize("kind", _kinds(RefnetError))
def test_an_error_can_be_made_by_its_class_alone(kind):  # as tblib does, with which Dask sends errors
    error = kind("gone", filename="a", details=["b"])
    other = kind.__new__(kind)
    vars(other).update(vars(error))
    other.args = error.args
    for each in (other, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(each), str(each), each.filename, each.details) == (kind, "gone", "a", ("b",))


def test_a_command_names_the_file_so_that_a_shell_reads_it():
    text = str(CheckpointError("which", options=["--key ema"]).about("my file.pth"))
    assert text == "my file.pth: which; for one, `refnet convert 'my file.pth' --key ema`"


def test_without_details_there_are_none():
    assert RefnetError("a").details == ()
