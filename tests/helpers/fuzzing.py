"""Damaged files, and a watch on what a reader does with them."""

import encodings.cp437  # noqa: F401  zipfile imports it late, and may
import gc
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from helpers.tf_writer import number
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from refnet.errors import CheckpointError

SECONDS = 3  # of the processor's time; a machine shared with others is slow at times
MEMORY = 4 << 20
MEMORY_PER_BYTE = 300  # an opcode of one byte makes a Python object

fuzzed = settings(
    max_examples=250,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.large_base_example],
)

# What must not happen -------------------------------------------------------------------------------------------------

FORBIDDEN = ("open", "exec", "import", "os.", "subprocess.", "socket.", "shutil.", "pickle.", "marshal.")
watch = SimpleNamespace(on=False, allowed=(), events=[])


def _audit(event: str, arguments: tuple) -> None:
    if event == "open" and isinstance(arguments[0], int):  # a descriptor, whose file was opened by its name
        return
    if watch.on and event.startswith(FORBIDDEN) and arguments[:1] not in watch.allowed:
        watch.events.append((event, arguments))


sys.addaudithook(_audit)  # stays until Python ends, but asleep


@contextmanager
def harmless(size: int, allowed: tuple = ()) -> Iterator[None]:
    """Run code that may refuse a file of some bytes, and nothing worse; a path in ``allowed`` may be opened."""
    watch.events, watch.allowed = [], [(str(path),) for path in allowed]
    gc.disable()  # else the garbage of the tests before is swept on this one's time
    tracemalloc.start()
    started = time.process_time()
    watch.on = True
    try:
        yield
    except CheckpointError as error:
        assert len(str(error)) < 5000  # noqa: PT017
    finally:
        watch.on = False
        seconds = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        gc.enable()
    assert not watch.events, watch.events
    assert seconds < SECONDS, f"took {seconds} s"
    assert peak < MEMORY + MEMORY_PER_BYTE * size, f"took {peak} bytes"


# Damage ---------------------------------------------------------------------------------------------------------------

POWERS = [1 << bits for bits in (15, 16, 31, 32, 62, 63, 64)]
EXTREMES = [0, 1, 2, 7, 8, 9, 127, 255, *(power - 1 for power in POWERS), *POWERS]
PLACE = st.integers(0, (1 << 16) - 1)
EXTREME = st.sampled_from(EXTREMES)
ENCODED = st.one_of(
    st.builds(lambda n, size: (n % (1 << 8 * size)).to_bytes(size, "little"), EXTREME, st.sampled_from([1, 2, 4, 8])),
    st.builds(lambda n, size: (n % (1 << 8 * size)).to_bytes(size, "big"), EXTREME, st.sampled_from([2, 4, 8])),
    EXTREME.map(number),
    st.builds(lambda form, n: form % n, st.sampled_from([b"%d", b"-%d", b"%o"]), EXTREME),
)
CHANGE = st.one_of(
    st.tuples(st.just("put"), PLACE, st.binary(min_size=1, max_size=8), st.booleans()),
    st.tuples(st.just("put"), PLACE, ENCODED, st.booleans()),
    st.tuples(st.just("copy"), PLACE, PLACE, st.integers(0, 600)),
    st.tuples(st.just("cut"), PLACE, st.integers(1, 600)),
    st.tuples(st.just("end"), PLACE),
)


def changed(data: bytes, changes: list[tuple]) -> bytes:
    """Damage a file: write over or between, copy or cut out a part, end it early."""
    for kind, place, *how in changes:
        at = place % (len(data) + 1)
        match kind, how:
            case "put", (what, over):
                data = data[:at] + what + data[at + over * len(what) :]
            case "copy", (source, size):
                source %= len(data) + 1
                data = data[:at] + data[source : source + size] + data[at:]
            case "cut", (size,):
                data = data[:at] + data[at + size :]
            case "end", ():
                data = data[:at]
    return data


CHANGES = st.lists(CHANGE, min_size=1, max_size=5)
