"""The definition in integers: every operation of an int8 network in array code, one screen each, slow and exact.

A real number is ``scale * (q - zero_point)`` with q of 8 bits. A sum of products of such q is exact in any order, so
that order is free here. What engines differ in is how they bring a sum back to 8 bits: ``policy`` names these ways, and
``engine`` says which engine takes which way where.

Arrays are NHWC as in ``refnet.reference``. Numbers are int64, so that no step of a formula overflows unseen; what has
to fit an engine's 32 bits is checked.
"""
