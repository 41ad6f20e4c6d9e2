"""The cache of compiled code, with a function that compiles in no time."""

import errno
import importlib.util
from pathlib import Path

import numba
import pytest
from numba import njit, types

from refnet.errors import RefnetError
from refnet.kernels import cache
from refnet.kernels.cache import KernelCache


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Where Numba looks, in its order: NUMBA_CACHE_DIR, beside the source, the user's own directory."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return [tmp_path / "named", tmp_path / "source" / "__pycache__", tmp_path / "home"]


@pytest.fixture
def function(tmp_path):
    source = tmp_path / "source" / "module.py"
    source.parent.mkdir()
    source.write_text("def plus_one(x):\n    return x + 1\n")
    spec = importlib.util.spec_from_file_location("module", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.plus_one


@pytest.fixture
def read_only(monkeypatch):
    """Make directories that only can be read, whoever runs the tests."""
    locked = []
    check = cache._check_writable

    def check_all(directory):
        if any(directory.is_relative_to(place) for place in locked):
            raise OSError(errno.EROFS, "Read-only file system")
        check(directory)

    monkeypatch.setattr(cache, "_check_writable", check_all)
    return locked


def compile_it(function, *arguments, **options):
    """Compile or load a function; return its cache, and whether it was loaded."""
    compiled = njit(function)
    compiled._cache = KernelCache(function, *arguments, **options)
    compiled.compile((types.int64,))
    assert compiled(41) == 42
    return compiled._cache, bool(compiled.stats.cache_hits)


def files(place):
    return sorted(path.suffix for path in place.rglob("*.nb?"))


def test_it_is_kept_and_found_again(function, places):
    kept, loaded = compile_it(function)
    assert not loaded
    assert Path(kept.cache_path).parent == places[0]
    assert kept.problem == ""
    assert [files(place) for place in places] == [[".nbc", ".nbi"], [], []]
    found, loaded = compile_it(function)
    assert (loaded, found.cache_path, found.problem) == (True, kept.cache_path, "")


def test_numba_itself_finds_it(function, places):
    compile_it(function)
    compiled = njit(cache=True)(function)
    compiled.compile((types.int64,))
    assert compiled.stats.cache_hits


def test_a_place_that_cannot_be_written_is_read(function, places, read_only):
    kept, _ = compile_it(function)
    read_only += places
    found, loaded = compile_it(function, required=True)
    assert (loaded, found.cache_path) == (True, kept.cache_path)


def test_what_such_a_place_lacks_is_kept_in_the_next(function, places, read_only):
    read_only += places[:2]
    kept, loaded = compile_it(function)
    assert (loaded, kept.problem) == (False, "")
    assert [files(place) for place in places] == [[], [], [".nbc", ".nbi"]]
    assert compile_it(function)[1]


def test_nowhere_to_keep_it(function, places, read_only):
    read_only += places
    kept, loaded = compile_it(function)
    assert (loaded, kept.cache_path) == (False, None)
    assert kept.problem.endswith("Read-only file system")
    with pytest.raises(RefnetError, match=r"cannot be kept: .*: Read-only file system; want a directory that can be"):
        compile_it(function, required=True)


def test_no_place_at_all(function, monkeypatch):
    monkeypatch.setattr(cache.CompileResultCacheImpl, "_locator_classes", [])
    kept, _ = compile_it(function)
    assert (kept.cache_path, kept.problem) == (None, "no directory for it")


def test_a_directory_of_choice_comes_before_all(function, places, read_only, tmp_path):
    compile_it(function)
    chosen = tmp_path / "a" / "b"
    kept, loaded = compile_it(function, chosen, required=True)
    assert not loaded
    assert Path(kept.cache_path).parent == chosen
    assert str(places[0]) == numba.config.CACHE_DIR
    read_only.append(chosen)
    assert compile_it(function, chosen, required=True)[1]
    chosen = tmp_path / "other"
    read_only.append(chosen)
    with pytest.raises(RefnetError, match=f"cannot be kept: {chosen}: Read-only"):
        compile_it(function, chosen, required=True)
    assert not chosen.exists()


@pytest.mark.parametrize("part", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:100],
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: b"cos\nsystem\n",
    ],
    ids=["cut short", "cut at the end", "empty", "something else"],
)
def test_a_damaged_one_is_replaced(function, places, part, damage):
    compile_it(function)
    for file in places[0].rglob(part):
        file.write_bytes(damage(file.read_bytes()))
    kept, loaded = compile_it(function)
    assert (loaded, kept.problem) == (False, "")
    assert compile_it(function)[1]


def test_what_numba_does_not_cache_is_a_problem(function, places, monkeypatch):
    monkeypatch.setattr(cache.CompileResultCacheImpl, "check_cachable", lambda *_: False)
    kept, _ = compile_it(function)
    assert (kept.cache_path, kept.problem) == (None, "Numba cannot keep code of this kind")


def test_a_full_disk_is_a_problem_and_no_error(function, places, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.FunctionCache, "save_overload", full)
    kept, _ = compile_it(function)
    assert kept.cache_path is None
    assert "No space left" in kept.problem
