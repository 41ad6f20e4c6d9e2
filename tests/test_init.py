"""What ``import refnet`` does, and does not."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import refnet
from refnet import errors

HEAVY = {"numpy", "scipy", "numba", "llvmlite", "h5py", "PIL", "requests"}

# Runs before the import: notes everything that is written, and every connection and program that is started.
WATCH = """
import os, sys
touched = []
WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.system", "shutil.", "socket.connect", "subprocess.")
def watch(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & WRITE and args[0] != os.devnull:
        touched.append(f"open {args[0]}")
    elif event.startswith(CHANGES):
        touched.append(f"{event} {args}")
sys.addaudithook(watch)
environment = dict(os.environ)
"""

IMPORT = """
import json, time
start = time.perf_counter()
import refnet
seconds = time.perf_counter() - start
loaded = sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names)
print(json.dumps([seconds, loaded, touched, os.environ == environment]))
"""

# Every module of the package, with nothing compiled and nothing of Numba's set by it.
IMPORT_ALL = """
import importlib, json, pkgutil
import h5py, numba  # what these do is their affair
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, e): compiled.append(str(e.data))
    def on_end(self, e): pass
event.register("numba:compile", Listener())
def config():
    return {name: repr(value) for name, value in vars(numba.config).items() if name.isupper()}
before = config()
touched.clear()
import refnet
modules = [m.name for m in pkgutil.walk_packages(refnet.__path__, "refnet.")]
for name in modules:
    importlib.import_module(name)
print(json.dumps([modules, touched, compiled, config() == before, os.environ == environment]))
"""


def run(code, home):
    """Run a program in an empty home directory; return what it prints and which files it leaves."""
    directory = home / "work"
    directory.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(directory),
        "PYTHONPATH": str(Path(refnet.__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "error",
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCH + code],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout), [str(path) for path in home.rglob("*") if path != directory]


def test_import_is_quick_and_light(tmp_path):
    (seconds, loaded, touched, same_environment), left = run(IMPORT, tmp_path)
    assert seconds < 0.6
    assert not HEAVY & set(loaded)
    assert touched == left == []
    assert same_environment


def test_no_module_does_anything_when_imported(tmp_path):
    (modules, touched, compiled, same_config, same_environment), left = run(IMPORT_ALL, tmp_path)
    assert {"refnet.network", "refnet.reference.convolution", "refnet.kernels.run", "refnet.weights.reader"} <= set(
        modules
    )
    assert touched == left == []
    assert compiled == []
    assert same_config
    assert same_environment


def test_public_names():
    assert set(refnet.__all__) == {
        "convert",
        "fetch",
        "load",
        "predict",
        "published",
        "warmup",
        "RefnetError",
        "CheckpointError",
        "ImageError",
        "InputError",
        "UnknownModelError",
        "WeightsError",
        "WeightsNotFoundError",
    }
    assert sorted(refnet.__all__) == refnet.__all__
    assert re.fullmatch(r"\d+\.\d+\.\d+", refnet.__version__)


@pytest.mark.parametrize("name", refnet.__all__)
def test_public_names_are_documented(name):
    assert inspect.getdoc(getattr(refnet, name))


def test_arguments_of_the_functions():
    """The public API; other people's calls depend on it."""

    def arguments(function):
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default, p.kind is p.KEYWORD_ONLY) for p in parameters]

    empty = inspect.Parameter.empty
    recipe = ("recipe", None, True)
    assert arguments(refnet.load) == [
        ("model", empty, False),
        ("dtype", "float32", True),
        ("threads", None, True),
        recipe,
    ]
    assert arguments(refnet.predict) == [("image", empty, False), ("model", "lite0", False), ("top", 5, True), recipe]
    assert arguments(refnet.fetch) == [("name", empty, False), ("keep", False, True)]
    assert arguments(refnet.published) == []
    assert arguments(refnet.convert) == [
        ("source", empty, False),
        *((name, None, True) for name in ("model", "publisher", "labels", "out")),
    ]
    assert arguments(refnet.warmup) == [("models", empty, False), ("dtype", None, True), ("cache", None, True)]


def test_errors_are_one_family():
    family = [error for _, error in inspect.getmembers(errors, inspect.isclass)]
    assert all(issubclass(error, refnet.RefnetError) for error in family)
    assert {error.__name__ for error in family} <= set(refnet.__all__)
    assert not issubclass(refnet.RefnetError, (ValueError, OSError))
