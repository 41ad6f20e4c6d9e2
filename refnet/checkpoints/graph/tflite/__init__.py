"""Graphs of TensorFlow Lite files."""
