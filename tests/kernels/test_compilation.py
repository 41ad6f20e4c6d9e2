"""Compiling: said when it happens, kept where possible, done without a cache where not."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.places import ROOT

from refnet.errors import RefnetError
from refnet.kernels import sources

SMALL = """
import sys
import numpy as np
from refnet.weights import synthetic
from refnet.architecture import efficientnet
from refnet.engine.runner import Engine
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
plan = make_plan(efficientnet(Coefficients(0.1, 0.3, 32)))
tensors = synthetic.tensors(plan.architecture)
engine = Engine(plan.steps, lambda height, width: plan.steps, tensors.pop, 1e-3, np.dtype("float32"), 2)
((_, logits),) = engine.run({"input": synthetic.picture_tensor(32, 32)[0]}, ["logits"], (32, 32))
print(logits[:4].tobytes().hex())
"""

NO_CACHE = """
from refnet.kernels import cache
cache._places = lambda: iter(())  # as where no directory can be written
"""

READ_ONLY = """
import tempfile
def refuse(*_, **__):
    raise OSError(30, "Read-only file system")
tempfile.TemporaryFile = refuse  # which is how it is found out whether a directory can be written
"""


def run(code: str, root: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that imports the refnet in ``root``."""
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(cache: Path) -> subprocess.CompletedProcess[str]:
    """A run with a cold cache."""
    return run(SMALL, NUMBA_CACHE_DIR=str(cache))


def test_a_cold_cache_is_said_once_and_then_used(first: subprocess.CompletedProcess[str], cache: Path) -> None:
    assert first.stderr.count("compiling the float32 kernels") == 1
    assert list(cache.rglob("*.kernels"))
    second = run(SMALL, NUMBA_CACHE_DIR=str(cache))
    assert second.stderr == ""
    assert second.stdout == first.stdout


def test_a_warm_cache_needs_no_numba(first: subprocess.CompletedProcess[str], cache: Path) -> None:
    """Its import takes longer than all the rest of a process that classifies one photograph."""
    code = SMALL + "print(*sorted({'numba', 'scipy'} & set(sys.modules)))\n"
    assert run(code, NUMBA_CACHE_DIR=str(cache)).stdout == first.stdout + "\n"


def test_a_cache_that_can_only_be_read_is_used(first: subprocess.CompletedProcess[str], cache: Path) -> None:
    second = run(READ_ONLY + SMALL, NUMBA_CACHE_DIR=str(cache))
    assert (second.stdout, second.stderr) == (first.stdout, "")


def test_no_cache_at_all_is_one_warning(first: subprocess.CompletedProcess[str]) -> None:
    result = run(NO_CACHE + SMALL, NUMBA_OPT="0")
    assert result.stderr.count("CacheWarning") == 1
    assert "NUMBA_CACHE_DIR" in result.stderr
    assert result.stdout == first.stdout


def test_no_threading_layer_of_numba_is_used(first: subprocess.CompletedProcess[str], cache: Path) -> None:
    code = SMALL + "import numba\ntry:\n    numba.threading_layer()\nexcept ValueError:\n    print('none')\n"
    assert run(code, NUMBA_CACHE_DIR=str(cache)).stdout == first.stdout + "none\n"


def test_without_a_compiler_there_is_one_error() -> None:
    code = SMALL.replace("((_, logits),) =", "from refnet.errors import RefnetError\ntry:\n    next(").replace(
        "(32, 32))\nprint", "(32, 32)))\nexcept RefnetError as error:\n    print(error)\n    sys.exit()\nprint"
    )
    assert "NUMBA_DISABLE_JIT" in run(code, NUMBA_DISABLE_JIT="1").stdout


CHANGE_EACH = """
from importlib.util import find_spec
from pathlib import Path
from refnet.kernels.sources import digest_of_sources, key_modules
unchanged = digest_of_sources()
for name in key_modules():
    source = Path(find_spec(name).origin)
    content = source.read_bytes()
    keys = set()
    for changed in (content + b"#", content[:-1] + b" "):  # one more, and one other
        source.write_bytes(changed)
        keys.add(digest_of_sources())
    source.write_bytes(content)
    assert digest_of_sources() == unchanged
    print(name, len(keys - {unchanged}))
"""


def imported(name: str) -> set[str]:
    """The modules of refnet from which a module imports something, anywhere in it, by its source."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    found: set[str] = set()
    for node in ast.walk(ast.parse(Path(spec.origin).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if is_module(name) else str(node.module) for name in names}
    return {name for name in found if name.startswith("refnet.")}


def is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # a name inside a module
        return False


def test_all_that_is_compiled_in_is_in_the_key() -> None:
    reached, new = set[str](), {"refnet.kernels.run", "refnet.kernels.integers.run"}
    while new:
        reached |= new
        new = set().union(*map(imported, new)) - reached
    files = (ROOT / "refnet" / "kernels").rglob("*.py")
    modules = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files}
    room = {name.removesuffix(".__init__") for name in modules}
    assert {"refnet.reference.numerics", "refnet.reference.scalar"} <= reached
    assert set(sources.key_modules()) == room | reached


@pytest.mark.parametrize("gone", ["refnet.reference.gone", "refnet.gone.scalar", "sys"])
def test_a_module_without_a_file_is_an_error(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROOTS", (*sources.ROOTS, gone))
    with pytest.raises(RefnetError, match=f"^{gone} has no file, so nothing tells when compiled kernels are out of"):
        sources.digest_of_sources()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, to be changed: into kernels that compute something else, so it does not test them."""
    place = tmp_path_factory.mktemp("copied")
    shutil.copytree(ROOT / "refnet", place / "refnet", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "refnet" / "engine" / "self_test.py").write_text("def is_right(function, dtype): return True\n")
    return place


def test_one_byte_of_any_of_them_changes_the_key(copied: Path) -> None:
    lines = run(CHANGE_EACH, copied).stdout.splitlines()
    assert lines == [f"{name} 2" for name in sources.key_modules()]


def test_one_byte_is_compiled_anew_and_the_old_kernels_are_kept(copied: Path, tmp_path: Path) -> None:
    numerics = copied / "refnet" / "reference" / "numerics.py"
    original = numerics.read_bytes()
    settings = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_OPT": "1"}
    before, again = (run(SMALL, copied, **settings) for _ in range(2))
    assert ("compiling" in before.stderr, again.stderr, again.stdout) == (True, "", before.stdout)
    numerics.write_bytes(original.replace(b"TAPS_PER_BLOCK: Final = 32", b"TAPS_PER_BLOCK: Final = 31"))
    changed = run(SMALL, copied, **settings)
    assert "compiling" in changed.stderr
    assert changed.stdout != before.stdout
    numerics.write_bytes(original)
    after = run(SMALL, copied, **settings)
    assert (after.stderr, after.stdout) == ("", before.stdout)


def test_what_kernels_newly_import_is_in_the_key(copied: Path) -> None:
    softmax = copied / "refnet" / "kernels" / "softmax.py"
    original, extra = softmax.read_bytes(), copied / "refnet" / "reference" / "extra.py"
    extra.write_text("ONE = 1\n")
    softmax.write_bytes(
        original.replace(b"from refnet.reference import scalar", b"from refnet.reference import extra, scalar")
    )
    code = "from refnet.kernels import sources as c; print(c.digest_of_sources(), *c.key_modules())"
    before = run(code, copied).stdout
    extra.write_text("ONE = 2\n")
    after = run(code, copied).stdout
    softmax.write_bytes(original)
    extra.unlink()
    assert "refnet.reference.extra" in before
    assert before != after


def test_a_source_that_changes_after_it_was_imported_spoils_nothing(copied: Path, tmp_path: Path) -> None:
    numerics = copied / "refnet" / "reference" / "numerics.py"
    original = numerics.read_bytes()
    changed = original.replace(b"TAPS_PER_BLOCK: Final = 32", b"TAPS_PER_BLOCK: Final = 31")
    settings = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_OPT": "1"}
    edit = f"import refnet.network, pathlib\npathlib.Path({str(numerics)!r}).write_bytes({changed!r})\n"
    old = run(edit + SMALL, copied, **settings)
    assert "source has changed since this process began" in old.stderr
    new = run(SMALL, copied, **settings)
    numerics.write_bytes(original)
    assert "compiling" in new.stderr
    assert new.stdout != old.stdout
    assert run(SMALL, copied, **settings).stdout == old.stdout


def test_kernels_run_from_an_archive(copied: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "refnet"), "zip", copied, "refnet")
    code = """if True:
        import sys
        sys.path.insert(0, sys.argv[1])
        from refnet.kernels import sources
        print(sources.__file__, sources.digest_of_sources(), sep="\\n")
    """
    command = [sys.executable, "-I", "-c", code, archive]
    where, digest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert where.startswith(archive)
    assert digest == sources.digest_of_sources()
