"""The kernels: the operations of ``reference`` as compiled loops, equal to them bit for bit.

They see flat arrays and offsets, nothing else. ``run`` interprets a table of ``rows`` and shares its work among
threads; ``pointwise`` and ``depthwise`` make sums, ``epilogue`` does what follows a sum, ``line_buffer`` holds what a
depthwise convolution is about to read; ``elementwise`` and ``softmax`` do the rest. ``emit`` writes vector code for all
of them, ``compilation`` and ``cache`` compile them once. ``fma_loop`` is what the CPU could do.
"""
