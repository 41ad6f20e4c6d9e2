"""Compare: a port's tensors with a golden, step by step."""
