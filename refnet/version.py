"""The version of refnet, apart from everything that wants to say it."""

__version__ = "0.1.0"
