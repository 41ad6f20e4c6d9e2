"""Many machines: pictures are shared out in parts among the workers of a Dask cluster."""
