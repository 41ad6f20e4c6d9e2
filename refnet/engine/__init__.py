"""The engine: a plan and its weights become a program for the kernels, and run.

plan -- fusion --> operations -- program, arena --> rows in a table; weights -- packed, layout --> one flat array;
runner and team run them.
"""
