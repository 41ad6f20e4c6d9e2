"""Goldens: a network's tensors, recorded in the axis order, dtype and file format of whoever ports it."""

#: Names alone, so that the command line offers them without loading what handles them.
FLOATS = ("float32", "float64", "float16", "bfloat16")
FORMAT_NAMES = ("npy", "raw", "hex", "mem", "coe", "txt", "h")
