"""The kernels: the operations of ``ops`` as compiled loops, equal to them bit for bit.

They see flat arrays and offsets, nothing else. ``run`` interprets a table of ``rows`` and shares its work among
threads; ``pointwise``, ``depthwise``, ``patches``, ``elementwise``, ``softmax`` compute; ``emit`` writes their tiles.
"""
