"""Planting: a port in NumPy of its own, random mistakes in it, and whether `refnet compare` finds and names them."""
