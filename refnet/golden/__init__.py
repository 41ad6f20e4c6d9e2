"""Goldens: a network's tensors, recorded in the axis order, dtype and file format of whoever ports it."""
