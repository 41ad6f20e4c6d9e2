"""Grids: numbers that are rounded to few, where, and in which direction."""
