"""Compare: a port's tensors with a golden, step by step."""

from refnet.comparison.compare import compare
from refnet.comparison.explain import Explanation, explain
from refnet.comparison.findings import Finding
from refnet.comparison.result import Comparison
from refnet.comparison.tensor_result import TensorResult

__all__ = ["Comparison", "Explanation", "Finding", "TensorResult", "compare", "explain"]
