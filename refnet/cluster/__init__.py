"""Many machines: pictures are shared out in parts among the workers of a Dask cluster."""

from refnet.cluster.data_set import Summary
from refnet.cluster.job import ClusterPipeline
from refnet.cluster.write import write_data_set

__all__ = ["ClusterPipeline", "Summary", "write_data_set"]
