"""Where a tensor is wrong: which pictures, rows, columns and channels, by which pattern, and what stands there."""

from refnet.comparison.where.where import Where, find_where

__all__ = ["Where", "find_where"]
