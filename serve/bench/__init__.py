"""Measuring a server: how fast, how late, how much of the machine, beside the raw runtime."""
