"""Functions: each number of a result as a function of others."""
