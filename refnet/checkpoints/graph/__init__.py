"""The program in a file: what its layers or nodes do, in which order, compared with a plan."""
