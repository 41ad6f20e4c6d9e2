"""The program ``refnet``, also ``python -m refnet``."""

import contextlib
import gc
import os
import signal
import sys

FAULT = 70  # exit code of a program's own fault, by BSD's sysexits.h


def main() -> int:
    """Run one command, in a process of its own, and return its exit code."""
    # Nearly all that a command allocates while it starts is there until it ends. To look for garbage in it again and
    # again, and once more when the process ends, took a quarter of the time of `refnet predict`.
    gc.set_threshold(100_000)
    # NumPy starts a thread a core for products of matrices when it is imported, and there is no such product here: a
    # sum in no stated order has no stated bits.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # None of Numba's threads is used here, and it cannot be imported where their number makes no sense.
    os.environ.pop("NUMBA_NUM_THREADS", None)
    # Until a command begins and after it has ended there is nothing to clear up: Ctrl-C ends the process at once.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from refnet import cli

        return cli.main()
    except Exception as error:
        return _explain(error)
    finally:
        gc.freeze()


def _explain(error: Exception) -> int:
    """Say what came of an error that nobody foresaw, or that kept the program from starting; return the exit code.

    Exit code 1 says of a port that it is wrong, and Python would end with that.
    """
    no_threads = isinstance(error, RuntimeError) and "new thread" in str(error)
    # As where memory, threads or open files are few.
    if no_threads or isinstance(error, ImportError | OSError | MemoryError):
        return _tell(f"cannot be loaded: {str(error) or type(error).__name__}", 2)
    import traceback

    with contextlib.suppress(Exception):
        traceback.print_exc()
    fault = traceback.format_exception_only(error)[-1].strip()
    return _tell(f"a fault of refnet's own: {fault}; please report it, with the command and the lines above", FAULT)


def _tell(what: str, code: int) -> int:
    with contextlib.suppress(Exception):
        print(f"refnet: error: {' '.join(what.split())}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
