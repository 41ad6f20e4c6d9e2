"""What ``import refnet`` does, and does not."""

import errno
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import refnet
from refnet import errors
from refnet.cli.convert import STATED
from refnet.cli.recipe_options import NAMES
from refnet.quantisation.quantise import Settings

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

# A name that is there before or after its module, and every other module, is imported stays the same thing.
IMPORT_AROUND = """
import importlib, json, pkgutil
import refnet
early = [getattr(refnet, name) for name in {early}]
for module in pkgutil.walk_packages(refnet.__path__, "refnet."):
    importlib.import_module(module.name)
kinds = {{name: type(getattr(refnet, name)).__name__ for name in refnet.__all__}}
same = early == [getattr(refnet, name) for name in {early}]
homes = [getattr(refnet, name).__module__ for name in ("Network", "Prediction", "compare", "record")]
print(json.dumps([kinds, same, homes]))
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


FUNCTIONS = [
    "compare",
    "convert",
    "explain",
    "fetch",
    "list_models",
    "load",
    "predict",
    "published",
    "quantise",
    "record",
    "warmup",
]
CLASSES = ["Answer", "Network", "Pipeline", "Prediction", "QuantisedNetwork"]
ERRORS = {
    "RefnetError": (Exception,),
    "CheckpointError": (refnet.RefnetError,),
    "CheckpointNotFoundError": (refnet.CheckpointError, FileNotFoundError),
    "ImageError": (refnet.RefnetError, OSError),
    "ImageNotFoundError": (refnet.ImageError, FileNotFoundError),
    "InputError": (refnet.RefnetError, ValueError),
    "InputNotFoundError": (refnet.InputError, FileNotFoundError),
    "UnknownModelError": (refnet.RefnetError, ValueError),
    "WeightsError": (refnet.RefnetError,),
    "WeightsNotFoundError": (refnet.RefnetError, FileNotFoundError),
}


def test_public_names():
    assert set(refnet.__all__) == {*FUNCTIONS, *CLASSES, *ERRORS, "ImageLike", "__version__"}
    assert sorted(refnet.__all__) == refnet.__all__
    assert set(refnet.__all__) <= set(dir(refnet))
    assert re.fullmatch(r"\d+\.\d+\.\d+", refnet.__version__)


@pytest.mark.parametrize("early", [[], refnet.__all__], ids=["before", "after"])
def test_no_module_ever_takes_the_place_of_a_public_name(tmp_path, early):
    (kinds, same, homes), _ = run(IMPORT_AROUND.format(early=early), tmp_path)
    assert kinds == {
        **dict.fromkeys(FUNCTIONS, "function"),
        **dict.fromkeys([*CLASSES, *ERRORS], "type"),
        **dict.fromkeys(["ImageLike", "__version__"], "str"),
    }
    assert same
    assert homes == ["refnet.network.network", "refnet.prediction", "refnet.comparison.compare", "refnet.golden.record"]


def test_any_other_name_is_none():
    with pytest.raises(AttributeError, match="module 'refnet' has no attribute 'nonsense'"):
        refnet.nonsense  # noqa: B018


@pytest.mark.parametrize("name", refnet.__all__)
def test_public_names_are_documented(name):
    shown = getattr(refnet, name)
    documented = inspect.getdoc(shown)
    assert documented
    if inspect.isfunction(shown):
        sections = ["Parameters"] if inspect.signature(shown).parameters else []
        for section in (*sections, "Returns", "Raises", "Examples"):
            assert f"\n{section}\n{'-' * len(section)}\n" in documented, section


@pytest.mark.parametrize("name", ["features", "logits", "predict", "preprocess", "probabilities", "resume", "trace"])
def test_methods_of_a_network_have_examples(name):
    assert "\n>>> " in inspect.getdoc(getattr(refnet.Network, name))


def test_arguments_of_the_functions():
    """The public API; other people's calls depend on it."""

    def arguments(function):
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default, p.kind is p.KEYWORD_ONLY) for p in parameters]

    empty = inspect.Parameter.empty
    recipe = ("recipe", None, True)
    by_hand = [(name, None, True) for name in NAMES]
    assert arguments(refnet.load) == [
        ("model", empty, False),
        ("dtype", "float32", True),
        ("threads", None, True),
        recipe,
        *by_hand,
    ]
    assert arguments(refnet.predict) == [
        ("image", empty, False),
        ("model", "lite0", False),
        ("top", None, True),
        recipe,
        *by_hand,
        ("as_published", False, True),
        ("errors", None, True),
        ("client", None, True),
    ]
    assert arguments(refnet.list_models) == [("filter", "*", False), ("here", False, True)]
    assert arguments(refnet.fetch) == [("name", empty, False), ("keep", False, True)]
    assert arguments(refnet.published) == []
    assert arguments(refnet.convert) == [
        ("source", empty, False),
        *((name, None, True) for name in (*STATED, *NAMES, "labels", "out")),
    ]
    assert arguments(refnet.quantise) == [
        ("model", empty, False),
        ("pictures", empty, False),
        ("out", None, True),
        ("count", None, True),
        *((field.name, field.default, True) for field in fields(Settings)),
        ("threads", None, True),
    ]
    assert arguments(refnet.warmup) == [("models", empty, False), ("dtype", None, True), ("cache", None, True)]


def test_errors_are_one_family():
    family = [each for _, each in inspect.getmembers(errors, inspect.isclass) if each.__module__ == errors.__name__]
    assert all(issubclass(error, refnet.RefnetError) for error in family)
    assert {error.__name__ for error in family} == set(ERRORS)
    assert not issubclass(refnet.RefnetError, (ValueError, OSError))


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_pythons_own_too_and_all_its_text(name):
    kind = getattr(refnet, name)
    assert kind.__bases__ == ERRORS[name]
    for error in (kind("b1.h5: damaged"), pickle.loads(pickle.dumps(kind("b1.h5: damaged")))):
        assert (type(error), str(error), error.args) == (kind, "b1.h5: damaged", ("b1.h5: damaged",))
        assert repr(error) == f"{name}('b1.h5: damaged')"
    if issubclass(kind, OSError):
        missing = issubclass(kind, FileNotFoundError)
        reason = (errno.ENOENT, os.strerror(errno.ENOENT)) if missing else (None, None)
        assert (error.errno, error.strerror, error.filename) == (*reason, None)
    named = kind("b1.h5: damaged", filename=Path("b1.h5"))
    for error in (named, pickle.loads(pickle.dumps(named))):
        assert (type(error), str(error), error.args, error.filename) == (kind, "b1.h5: damaged", named.args, "b1.h5")


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    place = tmp_path_factory.mktemp("golden") / "g"
    refnet.record("lite0", place, steps=["stem"])
    return place


@pytest.mark.parametrize(
    ("call", "missing", "kind", "text"),
    [
        (lambda _, path: refnet.predict(path), "a.jpg", "Image", "cannot read the picture: No such file or directory"),
        (lambda _, path: refnet.load(path), "a.h5", "Weights", "does not exist; copy it from its source again"),
        (lambda _, path: refnet.convert(path), "a.pth", "Checkpoint", "does not exist"),
        (lambda _, path: refnet.convert(path), "model.ckpt", "Checkpoint", "does not exist"),
        (
            lambda golden, path: refnet.convert(golden, labels=path),
            "a.txt",
            "Input",
            "cannot read a label table: No such",
        ),
        (lambda golden, path: refnet.convert(golden, out=path), "no/such/a.h5", "Input", "there is no directory"),
        (lambda golden, path: refnet.compare(path, golden), "g", "Input", "does not exist; want a directory"),
        (lambda golden, path: refnet.compare(golden, path), "g", "Input", "does not exist; want a directory"),
        (
            lambda golden, path: refnet.compare(golden, golden, names=path),
            "a.json",
            "Input",
            "cannot read the names: No",
        ),
        (lambda _, path: refnet.record("lite0", path), "no/such/g", "Input", "not written: No such file or directory"),
        (lambda _, path: refnet.record("lite0", path), "no/such/g.npz", "Input", "not written: there is no directory"),
        (lambda _, path: refnet.record("lite0", path), "no/such/g.h5", "Input", "not written: there is no directory"),
    ],
)
def test_whatever_is_missing_is_a_file_not_found(tmp_path, golden, call, missing, kind, text):
    path = str(tmp_path / missing)
    with pytest.raises(FileNotFoundError) as caught:
        call(golden, path)
    error = caught.value
    assert type(error) is getattr(refnet, f"{kind}NotFoundError")
    assert (error.errno, error.strerror, error.filename) == (errno.ENOENT, os.strerror(errno.ENOENT), path)
    assert str(error).startswith(path)
    assert text in str(error)


def test_what_is_there_is_never_called_missing(tmp_path):
    (tmp_path / "file.h5").touch()
    for call in (
        lambda: refnet.convert(tmp_path),
        lambda: refnet.convert(tmp_path / "file.h5"),
        lambda: refnet.convert(tmp_path / "file.h5", labels=tmp_path),
        lambda: refnet.record("lite0", tmp_path / "file.h5" / "g.npz"),
        lambda: refnet.compare(tmp_path / "file.h5", tmp_path),
    ):
        with pytest.raises(refnet.RefnetError) as caught:
            call()
        assert not isinstance(caught.value, OSError)
    with pytest.raises(refnet.ImageError) as caught:
        refnet.predict([tmp_path])
    error = caught.value
    assert type(error) is refnet.ImageError
    assert (error.errno, error.strerror, error.filename) == (errno.EISDIR, os.strerror(errno.EISDIR), str(tmp_path))


def test_what_python_programs_catch(tmp_path):
    for call in (
        lambda: refnet.predict(tmp_path / "nowhere.jpg"),
        lambda: refnet.load(tmp_path / "nowhere.h5"),
        lambda: refnet.load("b7"),
    ):
        with pytest.raises(FileNotFoundError):
            call()
    for call in (
        lambda: refnet.load("b9"),
        lambda: refnet.load("lite0", dtype="int8"),
        lambda: refnet.predict(3.14),
        lambda: refnet.list_models(5),
    ):
        with pytest.raises(ValueError, match="want"):
            call()
    with pytest.raises(OSError, match="cannot read the picture"):
        refnet.predict([tmp_path])


def test_the_citation_is_of_this_version():
    stated = (Path(__file__).parents[1] / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {refnet.__version__}\n" in stated
    assert "\ncff-version: 1.2.0\n" in f"\n{stated}"
