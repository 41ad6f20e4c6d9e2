"""Layers: what a convolution, a dense layer or a batch norm read, and with which numbers."""
