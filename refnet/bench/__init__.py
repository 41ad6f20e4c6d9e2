"""Bench: how fast a network runs here, where its time goes, and how near that is to what the CPU can do.

The measure of "can do" is the peak: fused multiply-adds on registers alone, counted in the same minute on as many
threads. A multiply-add is two operations in GFLOP/s, for a network and for the peak.
"""

from refnet.bench.measure import bench
from refnet.bench.peak import measure_peak
from refnet.bench.result import StepTime, Timing

__all__ = ["StepTime", "Timing", "bench", "measure_peak"]
