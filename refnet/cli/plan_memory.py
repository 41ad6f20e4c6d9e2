"""The memory of a run, as ``refnet plan --memory`` shows it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from refnet.cli import terminal

if TYPE_CHECKING:
    from refnet.engine.memory_report import MemoryReport


def batch_of(options: argparse.Namespace) -> int:
    """Check how many pictures a run is on; by default one."""
    from refnet.checks import MAX_BATCH, whole_number

    return 1 if options.batch is None else whole_number("batch", options.batch, MAX_BATCH)


def describe_memory(memory: MemoryReport) -> dict[str, Any]:
    """Turn the memory of a run into what JSON can hold."""
    return asdict(memory) | {"total": memory.total}


def show_memory(memory: MemoryReport) -> None:
    """Print its parts, below the steps."""
    pictures = [["pictures at once", str(memory.pictures)]] if memory.pictures > 1 else []
    parts = [
        ["weights", f"{memory.weights:,}"],
        ["activations", f"{memory.activations:,}"],
        ["line buffers", f"{memory.line_buffers:,}"],
        *pictures,
        ["memory of a run", f"{memory.total:,}"],
    ]
    print()
    terminal.print_columns("<>", parts)
