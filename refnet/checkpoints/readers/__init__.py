"""Readers of foreign formats: bytes in, arrays by name out; nothing in a file is executed or believed."""
