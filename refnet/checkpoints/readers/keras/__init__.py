"""Keras's files of every age: ``file`` tells them apart."""
