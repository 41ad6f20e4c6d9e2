"""Files that everybody shares: HDF5 and zip taken strictly, files that appear whole, and what the package ships."""
