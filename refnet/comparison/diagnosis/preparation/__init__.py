"""Preparation: how a port makes its input of a picture, found part by part from the numbers."""

from refnet.comparison.diagnosis.preparation.preparation import diagnose_input, diagnose_without_picture

__all__ = ["diagnose_input", "diagnose_without_picture"]
