"""The engine of int8 networks: an integer network and an engine's policies become a program for the kernels, and run.

operations -- sweeps --> one for each pass over memory -- program --> rows in a table; weights, multipliers and tables
-- packed, numbers --> one flat array of bytes; runner runs them, on codes of int8.
"""
