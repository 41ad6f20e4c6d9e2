"""Diagnosis: where a port's numbers are wrong, which known mistake makes them."""

from refnet.comparison.diagnosis.diagnose import diagnose
from refnet.comparison.diagnosis.input_recipe import diagnose_input
from refnet.comparison.diagnosis.result import Diagnosis

__all__ = ["Diagnosis", "diagnose", "diagnose_input"]
