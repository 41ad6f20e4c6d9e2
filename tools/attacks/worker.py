"""A process that runs one case after the other, and may be killed."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from attacks.case import Attack, Case, FaultError, Outcome, patience

EVERY = "attacks.every"
ADDRESSES = 8 << 30  # bytes of address space, for a process and each that it starts
PR_SET_CHILD_SUBREAPER, CLONE_NEWNS, MS_REC, MS_PRIVATE = 36, 1 << 17, 1 << 14, 1 << 18
SLICE = 0.5  # seconds between two looks whether it is enough
GRACE = 10.0  # seconds over its time that a case may clean up in


class Worker:
    """One child process at a time: a new one takes the place of one that died or was killed."""

    def __init__(self, keep: Path, module: str = EVERY) -> None:
        self.keep = keep
        self._module = module  # whose ATTACKS there are
        self._process: Any = None
        self._pipe: Connection | None = None
        self._folder: Path | None = None

    def run(self, attack: Attack, seed: int, number: int, enough: Callable[[], bool] = lambda: False) -> Outcome | None:
        """Run a case; whatever becomes of the process, this returns in time. None if ``enough`` ended it before."""
        if self._process is None:
            self._start()
        assert self._pipe is not None
        name, started = f"{attack.name}:{seed}:{number}", time.monotonic()
        limit = attack.seconds * patience()
        end = started + limit + GRACE
        try:
            self._pipe.send((attack.name, seed, number))
            while not (there := self._pipe.poll(SLICE)) and time.monotonic() < end:
                if enough():
                    self.stop()
                    return None
            outcome: Outcome | None = self._pipe.recv() if there else None
        except (EOFError, OSError):
            self._process.join(GRACE)
            outcome = Outcome(name, "crash", f"the process ended with {self._process.exitcode}: {self._last_words()}")
        else:
            outcome = outcome or Outcome(name, "hang", f"more than {limit:.0f} s: {self._where()}")
        if outcome.kind in {"crash", "hang"}:
            self._keep_folder(name)
            self.stop()
        return Outcome(name, outcome.kind, outcome.text, time.monotonic() - started)

    def stop(self) -> None:
        """End the process, with all that it started, and remove what it worked on."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.join()
            self._process.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._process = self._pipe = self._folder = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._folder = Path(tempfile.mkdtemp(prefix="attack-"))
        self._process = context.Process(
            target=_serve, args=(theirs, self._folder, self.keep, self._module), daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe.recv()  # it leads its own group by now

    def _where(self) -> str:
        """Ask a process that does not answer where it is."""
        with suppress(OSError):
            os.kill(self._process.pid, signal.SIGUSR1)
            time.sleep(1)
        return self._last_words()

    def _last_words(self) -> str:
        with suppress(OSError, TypeError):
            return (self._folder / "stderr").read_text("utf-8", "replace")[-3000:]  # type: ignore[operator]
        return ""

    def _keep_folder(self, name: str) -> None:
        assert self._folder is not None
        with suppress(OSError, shutil.Error):
            shutil.copytree(self._folder / "case", self.keep / file_name(name), symlinks=True, dirs_exist_ok=True)


def file_name(case: str) -> str:
    """Name the folder of a case."""
    return case.replace("/", "-").replace(":", "-")


def _serve(pipe: Connection, folder: Path, keep: Path, module: str) -> None:
    """Run what is asked for until nobody asks any more."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    stderr = os.open(folder / "stderr", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(stderr, 2)
    import faulthandler

    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    with suppress(AttributeError, OSError):  # elsewhere than on Linux grandchildren are not seen
        system = ctypes.CDLL(None)
        system.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if os.geteuid() == 0 and system.unshare(CLONE_NEWNS) == 0:  # disks that a case mounts go with the process
            system.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    place = _environment(folder)
    attacks: dict[str, Attack] = import_module(module).ATTACKS
    kept: dict[str, Any] = {"folder": folder / "kept"}
    (folder / "kept").mkdir()
    pipe.send("ready")
    while True:
        try:
            name, seed, number = pipe.recv()
        except EOFError:
            return
        case = Case(name, seed, number, place / "work", kept)
        case.folder.mkdir(parents=True)
        outcome = _run(attacks[name], case)
        if outcome.kind:
            shutil.copytree(place, keep / file_name(outcome.case), symlinks=True, dirs_exist_ok=True, ignore=_special)
        shutil.rmtree(place, ignore_errors=True)
        if number % 100 == 99:
            gc.collect()
        pipe.send(outcome)


def _environment(folder: Path) -> Path:
    """Give this process and its children places of their own; return that of the case at work."""
    place = folder / "case"
    kernels = Path(os.environ.get("NUMBA_CACHE_DIR") or Path.home() / ".cache" / "numba").absolute()
    for name in [name for name in os.environ if name.startswith("REFNET_")]:
        del os.environ[name]
    os.environ |= {
        "HOME": str(folder), "TMPDIR": str(place / "tmp"), "REFNET_CACHE": str(folder / "cache"),
        "REFNET_OFFLINE": "1", "NUMBA_CACHE_DIR": str(kernels), "PYTHONFAULTHANDLER": "1",
    }  # fmt: skip
    tempfile.tempdir = None
    os.chdir(folder)
    return place


def _run(attack: Attack, case: Case) -> Outcome:
    temporary = case.folder.parent / "tmp"
    temporary.mkdir()
    try:
        attack.run(case)
        check_gone(temporary)
    except FaultError as fault:
        return Outcome(case.name, fault.kind, fault.text)
    except Exception:  # of the attack itself, or of what it calls outside of any watch
        return Outcome(case.name, "traceback", traceback.format_exc())
    return Outcome(case.name)


def check_gone(temporary: Path) -> None:
    """No process and no temporary file may be left."""
    if alive := _children():
        for child in alive:
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        raise FaultError("leftover", f"{len(alive)} processes still run")
    if left := sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*")):
        raise FaultError("leftover", f"temporary files: {', '.join(left)[:1000]}")


def _children() -> list[int]:
    """The processes that this one started, or that were left to it, and that live on after a moment."""
    for _ in range(20):
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        alive = []
        for path in Path("/proc/self/task").glob("*/children"):
            with suppress(OSError):  # of a thread that has just ended
                alive += [int(pid) for pid in path.read_text().split()]
        if not alive:
            return []
        time.sleep(0.05)
    return alive


def _special(folder: str, names: list[str]) -> list[str]:
    """What is not copied: pipes and sockets."""
    paths = [Path(folder) / name for name in names]
    return [path.name for path in paths if not (path.is_file() or path.is_dir() or path.is_symlink())]
