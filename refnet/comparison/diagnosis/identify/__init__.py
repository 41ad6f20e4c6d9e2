"""Identification: from a port's own numbers, what a step computed instead."""

from refnet.comparison.diagnosis.identify.identify import ESTIMATORS
from refnet.comparison.diagnosis.identify.parts import contents, wrong_part

__all__ = ["ESTIMATORS", "contents", "wrong_part"]
