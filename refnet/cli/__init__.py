"""The command line: each command is a call that can be made from Python as well.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 `verify` or `compare`
found a difference, 2 an error, 70 a fault of refnet's own (`__main__` says so), 141 nobody reads the output any more;
128 and its number where a signal ended the command, so 130 is Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from refnet.cli import signals, terminal
from refnet.errors import VERBOSE, InputError, RefnetError
from refnet.float_mode import default_mode
from refnet.version import __version__

# Modules of this package, each imported only if it is needed: all of them together take longer than a prediction.
COMMANDS = (
    "predict", "features", "eval", "info", "fetch", "convert", "quantise", "plan",
    "verify", "golden", "compare", "bench", "export", "warmup",
)  # fmt: skip
# Of a file that takes no more, or is none any more; where such an error names no file, it is standard output.
_UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EINVAL}
ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141


@default_mode()
def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    The arguments come without the program's name; by default they are those of this process.
    """
    with terminal.reporting(), signals.ending_in_order():
        try:
            code = _guarded(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            terminal.discard(sys.stdout)
            return BROKEN_PIPE
        except OSError as error:  # a full disk behind standard output
            unwritten = error.filename is None and error.errno in _UNWRITTEN
            if unwritten:
                terminal.discard(sys.stdout)
            terminal.say(f"error: {f'standard output not written: {error.strerror}' if unwritten else error}")
            return ERROR
        except signals.Ended as ended:
            return ended.code
        except KeyboardInterrupt:  # of somebody who calls this from a program
            return INTERRUPTED
        return code


def _guarded(arguments: list[str] | None) -> int:
    options = argparse.Namespace(verbose=False, json=False)
    try:
        given = sys.argv[1:] if arguments is None else arguments
        _parser([name for name in given[:1] if name in COMMANDS] or COMMANDS).parse_args(given, options)
        return _run(options)
    except RefnetError as error:
        _tell(error, options)
        return ERROR
    except MemoryError as error:
        terminal.say(f"error: not enough memory{f': {error}' if str(error) else ''}")
        return ERROR


def _tell(error: RefnetError, options: argparse.Namespace) -> None:
    """Say what is wrong, in one line; with --verbose, all of what that names the first few; as JSON to a program."""
    terminal.say(f"error: {error}")
    if options.verbose:
        for detail in error.details:
            terminal.say(f"  {detail}")
    if options.json and error.details:
        terminal.print_json({"error": str(error), "details": error.details})


def _run(options: argparse.Namespace) -> int:
    if options.version:
        from refnet.reference.numerics import NUMERICS_VERSION

        print(f"refnet {__version__}, numerics version {NUMERICS_VERSION}")
        return 0
    if options.command is None:
        _parser().print_help(sys.stderr)
        return ERROR
    code: int = options.run(options)
    return code


def _parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Make a parser that knows these commands."""
    parser = _Parser(
        prog="refnet",
        description="EfficientNet defined to the bit: B0-B8, L2 and Lite0-4 on the CPU, without a framework.",
    )
    parser.add_argument("--version", action="store_true", help="show the version and that of the numerics")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name in names:
        import_module(f"{__name__}.{name}").add(commands)
    for each in commands.choices.values():
        each.add_argument(VERBOSE, action="store_true", help="list all that an error names the first few of")
    return parser


class _Parser(argparse.ArgumentParser):
    """Reports wrong arguments as refnet reports all else that is wrong: in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        sys.stdout.flush()  # while main can still hear of a broken pipe
        super().exit(status, message)
