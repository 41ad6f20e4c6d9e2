"""Warming up: compiled once, in a terminal as a person would see it, and then found by other processes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import CHELSEA, DATA
from helpers.terminals import run_in_terminal, screen

import refnet
from refnet import cli
from refnet.errors import InputError, UnknownModelError, WeightsNotFoundError
from refnet.hub import warmup
from refnet.hub.warmup import Warm
from refnet.kernels.units import PICTURES
from refnet.network import Network

INTEGERS = DATA / "integers" / "lite.h5"

# As for a user who may not write where the kernels are.
READ_ONLY = """
import errno, sys, tempfile
from refnet.cli import main
def refuse(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")
tempfile.TemporaryFile = refuse
sys.exit(main(sys.argv[1:]))
"""


def start(*arguments, where, **environment):
    env = {**os.environ, "PYTHONPATH": str(Path(refnet.__file__).parents[1]), **environment}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A directory of kernels, and what was seen on the terminal while they were compiled into it."""
    where = tmp_path_factory.mktemp("warm")
    arguments = ("-m", "refnet", "warmup", "lite0", "--dtype", "float32", "--cache", "made/for it")
    code, seen = run_in_terminal(*arguments, where=where, COLUMNS="300")  # room for the directory
    assert code == 0
    return where / "made" / "for it", seen


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
class TestCompiled:
    def test_what_a_person_sees(self, warm):
        place, seen = warm
        say, pictures, *compiled, model, empty, hint, rest = screen(seen)
        assert say.startswith("refnet: compiling the float32 kernels for this CPU")
        assert pictures.startswith("refnet: compiling the kernels that prepare pictures for this CPU")
        where = re.escape(f"{place}{os.sep}") + r"\w+"
        for title, line in zip(("float32 kernels", "kernels that prepare pictures"), compiled, strict=True):
            assert re.fullmatch(rf"{title:29}  compiled in \d+\.\d s +{where}", line)
        assert (model, empty, rest) == (f"{'lite0':29}  checked and run", "", "")
        assert hint == f"To use these kernels, set NUMBA_CACHE_DIR={place}"

    def test_the_time_goes_on_to_the_end(self, warm):
        _, seen = warm
        seconds = [int(second) for second in re.findall(r"compiling the float32 kernels \x1b[^\r]* (\d+) s", seen)]
        assert seconds == sorted(seconds)
        assert set(seconds) == set(range(seconds[-1] + 1))
        assert seconds[-1] >= 2

    def test_another_process_compiles_nothing(self, warm, tmp_path):
        place, _ = warm
        done = start("-m", "refnet", "predict", CHELSEA, "--top", "1", where=tmp_path, NUMBA_CACHE_DIR=str(place))
        assert (done.returncode, done.stderr) == (0, "")
        assert "tiger cat" in done.stdout

    def test_nor_does_one_that_may_not_write_there(self, warm, tmp_path):
        place, _ = warm
        predict = ("predict", CHELSEA, "--top", "1")
        done = start("-c", READ_ONLY, *predict, where=tmp_path, NUMBA_CACHE_DIR=str(place))
        assert (done.returncode, done.stderr) == (0, "")
        assert "tiger cat" in done.stdout

    def test_a_second_time_they_are_there(self, warm, tmp_path):
        place, _ = warm
        done = start("-m", "refnet", "warmup", "--dtype", "float32", "--cache", place, "--json", where=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        (directory,) = place.iterdir()
        found = {"dtype": "float32", "seconds": None, "directory": str(directory)}
        kernels = [{"title": title, **found} for title in ("float32 kernels", "kernels that prepare pictures")]
        assert json.loads(done.stdout) == {"kernels": kernels, "models": []}


class TestWhatIsWrong:
    """All of it comes out before anything is compiled, and leaves nothing behind."""

    @pytest.fixture(autouse=True)
    def _no_compiling(self, monkeypatch):
        monkeypatch.setattr(warmup, "keep_on_disk", None)

    def test_models(self, tmp_path):
        with pytest.raises(UnknownModelError, match="unknown model 'b9'"):
            refnet.warmup("lite0", "b9", cache=tmp_path / "cache")
        with pytest.raises(WeightsNotFoundError, match=r"nowhere\.h5 does not exist"):
            refnet.warmup("nowhere.h5")
        assert list(tmp_path.iterdir()) == []

    def test_a_dtype(self):
        with pytest.raises(InputError, match="dtype 'int8': want float32 or float64"):
            refnet.warmup(dtype="int8")

    def test_no_directory(self, tmp_path):
        file = tmp_path / "file"
        file.write_text("here already")
        with pytest.raises(InputError, match=f"{re.escape(str(file))}: not a directory; compiled kernels want one"):
            refnet.warmup(cache=file)
        with pytest.raises(InputError, match="an empty name: not a directory"):
            refnet.warmup(cache="")
        assert file.read_text() == "here already"

    def test_on_the_command_line(self, capsys):
        assert cli.main(["warmup", "--cache", __file__]) == 2
        assert capsys.readouterr().err == (
            f"refnet: error: {__file__}: not a directory; compiled kernels want one that can be written\n"
        )


def test_a_directory_that_cannot_be_written(tmp_path):
    place = tmp_path / "cache"
    done = start("-c", READ_ONLY, "warmup", "--cache", place, where=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"refnet: error: compiled kernels cannot be kept: {place}: Read-only file system; "
        "want a directory that can be written\n"
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class TestWhatIsDone:
    @pytest.fixture(autouse=True)
    def asked(self, monkeypatch):
        """What the compiler is asked for, instead of compiling."""
        asked = []

        def keep_on_disk(unit, directory):
            asked.append((unit.title, directory))
            return (6.83 if unit.dtype == "float64" else None), Path("kernels")

        monkeypatch.setattr(warmup, "keep_on_disk", keep_on_disk)
        return asked

    def test_both_dtypes_are_the_default(self, asked):
        assert refnet.warmup() == [
            Warm("float32", None, Path("kernels"), "float32 kernels"),
            Warm("float64", 6.83, Path("kernels"), "float64 kernels"),
            Warm("float32", None, Path("kernels"), PICTURES.title),
        ]
        assert asked == [("float32 kernels", None), ("float64 kernels", None), (PICTURES.title, None)]

    def test_a_directory_is_made_absolute(self, asked, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        refnet.warmup(dtype="float64", cache="here")
        assert asked == [("float64 kernels", tmp_path / "here"), (PICTURES.title, tmp_path / "here")]

    def test_each_model_runs_in_each_dtype(self, monkeypatch):
        ran = []
        monkeypatch.setattr(Network, "features", lambda self, x, at: ran.append((self.variant, self.dtype, x, at)))
        refnet.warmup("lite0", "lite0@synthetic")
        assert [(name, dtype) for name, dtype, *_ in ran] == [("lite0", "float32"), ("lite0", "float64")] * 2
        assert ran[0][2].shape == (1, 224, 224, 3)
        assert ran[0][3] == ("logits", "probabilities")

    def test_the_lines(self, capsys):
        assert cli.main(["warmup"]) == 0
        done = ("was already there", "compiled in 6.8 s", "was already there")
        titles = ("float32 kernels", "float64 kernels", "kernels that prepare pictures")
        lines = [f"{title:29}  {what:17}  kernels" for title, what in zip(titles, done, strict=True)]
        assert capsys.readouterr().out.splitlines() == lines


def test_a_compiler_that_is_switched_off(tmp_path):
    done = start("-m", "refnet", "warmup", where=tmp_path, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 2
    assert "NUMBA_DISABLE_JIT" in done.stderr


def test_integers_have_kernels_of_their_own(monkeypatch):
    kept = []
    monkeypatch.setattr(warmup, "keep_on_disk", lambda unit, directory: kept.append(unit.name) or (None, directory))
    warmup.warm_up([INTEGERS], None, None)
    assert kept == ["run-int8", "picture_rows-float32"]
    warmup.warm_up([INTEGERS, "lite0"], "float32", None)
    assert kept[2:] == ["run-float32", "run-int8", "picture_rows-float32"]
