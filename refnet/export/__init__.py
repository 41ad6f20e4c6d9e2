"""Export: a network for other programs, as an ONNX graph or as a C99 program."""
