"""Judgement: how far two tensors are apart, and whether roundings explain it."""
