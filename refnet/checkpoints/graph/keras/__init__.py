"""Keras's configurations, of Keras 2 and 3, as graphs."""
