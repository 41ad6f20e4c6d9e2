"""Commands in odd environments: they work, or say in a line what is wrong, and never end like a port that is wrong."""

import os
import subprocess
import sys

import pytest
from helpers.environments import ENVIRONMENTS, FAILED, Environment, faults, start
from helpers.places import CHELSEA, ROOT

QUICK = [name for name, environment in ENVIRONMENTS.items() if not environment.slow]
# In which a command that is told to write, fetch or compile has something to say.
TELLING = [
    "no HOME and no passwd entry", "HOME cannot be written", "working directory is gone", "standard error full",
    "both full", "all three closed", "REFNET_CACHE='/dev/null'", "a read-only disk", "a full disk",
]  # fmt: skip


def checked(name, arguments, place, codes):
    environment = ENVIRONMENTS[name]
    if not environment.possible:
        pytest.skip("this system gives nobody a view of the disks of their own")
    done = start(environment, arguments, place)
    assert faults(environment, done, codes) == []
    return done


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize("name", QUICK)
def test_a_command_that_asks_for_all_it_can(tmp_path, name):
    done = checked(name, ["info", "b1"], tmp_path, (0,))
    assert done.returncode == 0 or "full" in name or "MB of addresses" in name


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize("name", TELLING)
def test_a_command_that_has_something_to_say(tmp_path, name):
    assert checked(name, ["fetch", "b1"], tmp_path, ()).returncode == FAILED


def test_where_there_is_no_home_the_way_out_is_named(tmp_path):
    done = checked("no HOME and no passwd entry", ["fetch", "b1"], tmp_path, ())
    assert b"the system knows no home of this user; let REFNET_CACHE name a folder\n" in done.stderr


def test_a_number_of_threads_that_numba_refuses(tmp_path):
    """Kernels are compiled in this process alone, so it needs Numba; none of Numba's threads is used."""
    code = "import sys; from refnet.__main__ import main; sys.argv[1:] = ['--version']; main(); import numba"
    done = start(Environment({"NUMBA_NUM_THREADS": "0"}, program=("-c", code)), [], tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


def test_settings_that_numba_refuses_in_a_program(tmp_path):
    code = "import refnet\ntry: refnet.predict(sys.argv[1])\nexcept refnet.RefnetError as error: print(error)\n"
    environment = Environment(
        {"NUMBA_NUM_THREADS": "0", "NUMBA_CACHE_DIR": str(tmp_path / "new")}, program=("-c", f"import sys\n{code}")
    )
    done = start(environment, [CHELSEA], tmp_path)
    assert done.stdout.startswith(b"Numba, which compiles the kernels, refuses its settings: Number of threads"), done


# What nobody foresaw --------------------------------------------------------------------------------------------------


def ended(place, code):
    """A process whose program runs into something."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    program = f"import sys; sys.argv[1:] = ['info']; import refnet.cli.info as info\n{code}\n"
    program += "from refnet.__main__ import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", program], cwd=place, env=env, capture_output=True, timeout=300)


@pytest.mark.parametrize("error", ["KeyError('x')", "RecursionError('deep')", "AssertionError()", "TypeError('a\\nb')"])
def test_a_fault_of_its_own(tmp_path, error):
    done = ended(tmp_path, f"def run(options): raise {error}\ninfo.run = run")
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (70, b"")
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith(f"refnet: error: a fault of refnet's own: {error.partition('(')[0]}")
    assert lines[-1].endswith("; please report it, with the command and the lines above")


@pytest.mark.parametrize(
    ("module", "error", "told"),
    [
        ("refnet.architecture.scaling", "ImportError('no such library')", "cannot be loaded: no such library"),
        ("refnet.architecture.scaling", "MemoryError()", "not enough memory"),
        ("refnet.architecture.scaling", "OSError(24, 'Too many open files')", "[Errno 24] Too many open files"),
    ],
)
def test_a_program_that_cannot_be_loaded(tmp_path, module, error, told):
    code = (
        "import sys\n"
        "class Finder:\n"
        f"    def find_spec(self, name, *_): \n        if name == '{module}': raise {error}\n"
        "sys.meta_path.insert(0, Finder()); sys.argv[1:] = ['info']\n"
        "import runpy; runpy.run_module('refnet', run_name='__main__', alter_sys=True)"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, timeout=300)
    assert (done.returncode, done.stdout) == (FAILED, b"")
    assert done.stderr.decode() == f"refnet: error: {told}\n"
