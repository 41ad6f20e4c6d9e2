"""Memory: where numbers were read from, and what stands in their place."""
