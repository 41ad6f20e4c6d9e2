"""Weight files: one canonical HDF5 form, written byte-stable, read safely, found by name.

``weights`` is what a file holds, in memory; ``schema`` states the form, ``writer`` and ``reader`` go from one to the
other, ``strict_hdf5`` opens nothing that the schema does not know. ``paths`` says where files are, ``releases`` which
ones were published by whom.
"""
