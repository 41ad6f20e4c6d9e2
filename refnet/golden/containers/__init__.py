"""Containers of many tensors: a directory, an HDF5 file, an .npz; what is inside may come from anywhere."""
