"""Weight files: one canonical HDF5 form, written byte-stable, read safely, found by name.

The form is stated in ``refnet.weights.schema``.
"""
