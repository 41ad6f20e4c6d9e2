"""Classifiers that people build behind a network: what a state dict says of them, and what has to be asked."""
