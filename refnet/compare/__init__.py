"""Compare: a port's tensors with a golden, step by step."""

from refnet.compare.comparing import compare
from refnet.compare.comparison import Comparison
from refnet.compare.findings import Finding
from refnet.compare.rows import Row

__all__ = ["Comparison", "Finding", "Row", "compare"]
