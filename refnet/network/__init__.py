"""Networks that run: of real numbers, and of integers, which is the same with other numbers."""

from refnet.network.network import Network

__all__ = ["Network"]
