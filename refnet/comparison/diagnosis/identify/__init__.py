"""Identification: from a port's own numbers, what a step computed instead."""

from refnet.comparison.diagnosis.identify.identify import ESTIMATORS, OF_ANY_SHAPE
from refnet.comparison.diagnosis.identify.memory.parts import contents, place_of, wrong_part

__all__ = ["ESTIMATORS", "OF_ANY_SHAPE", "contents", "place_of", "wrong_part"]
