"""Diagnosis: where a port's numbers are wrong, which known mistake makes them."""

from refnet.comparison.diagnosis.diagnose import diagnose
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.preparation import diagnose_input, diagnose_without_picture

__all__ = ["Diagnosis", "diagnose", "diagnose_input", "diagnose_without_picture"]
