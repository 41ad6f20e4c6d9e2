"""The kernels of int8 networks: the operations of ``reference.integers`` as compiled loops, equal to them bit for bit.

A sum of whole numbers is exact in any order, so that here instructions decide it: ``lanes`` writes the CPU's own sum of
four products, or what takes its place. Codes lie in memory as bytes q + 128, in blocks of 16 channels as everywhere in
``kernels``. ``pointwise`` and ``depthwise`` leave sums of 32 bits in a thread's own memory; ``finish`` makes codes of
them, by ``requantise``; ``elementwise`` and ``softmax`` do the rest, and ``run`` interprets a program's ``rows``.
"""
