"""The program ``refnet``, also ``python -m refnet``."""

import gc
import os
import signal
import sys


def main() -> int:
    """Run one command, in a process of its own, and return its exit code."""
    # Nearly all that a command allocates while it starts is there until it ends. To look for garbage in it again and
    # again, and once more when the process ends, took a quarter of the time of `refnet predict`.
    gc.set_threshold(100_000)
    # NumPy starts a thread a core for products of matrices when it is imported, and there is no such product here: a
    # sum in no stated order has no stated bits.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Until a command begins and after it has ended there is nothing to clear up: Ctrl-C ends the process at once.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from refnet import cli

        return cli.main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
