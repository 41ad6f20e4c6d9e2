"""The kernels: the operations of ``reference`` as compiled loops, equal to them bit for bit.

They see flat arrays and offsets, nothing else. ``run`` interprets a table of ``rows`` and shares its work among
threads. ``pointwise``, ``depthwise`` and ``dense`` make sums, ``epilogue`` does what follows a sum, ``line_buffer``
holds what a depthwise convolution is about to read; ``elementwise`` and ``softmax`` do the rest. ``picture_rows``
prepares pictures. ``emit`` writes vector code for all of them. ``fma_loop``, ``marginal_loops`` and ``reading_loop``
are what the CPU could do.

How they come into a process: ``units`` has the compiled functions as Python calls them; ``compilation`` finds their
``object_code`` in the ``cache``, or has it made by the ``compiler``, the only one that needs Numba. ``sources`` says
what they are made from.
"""
