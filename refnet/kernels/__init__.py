"""The kernels: the operations of ``ops`` as compiled loops, equal to them bit for bit.

plan → fusion (operations) → program (rows, arena) → run (interpreter, threads) → pointwise, depthwise, … (tiles).
"""
