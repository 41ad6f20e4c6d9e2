"""EfficientNet defined to the bit: B0-B7 and Lite in array code, without a framework."""

__version__ = "0.1.0"
