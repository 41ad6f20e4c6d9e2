"""Compare: a port's tensors with a golden, step by step."""

from refnet.comparison.compare import compare
from refnet.comparison.findings import Finding
from refnet.comparison.outcome import Row
from refnet.comparison.summary import Comparison

__all__ = ["Comparison", "Finding", "Row", "compare"]
