"""Many callers, one runtime: what waits, how it runs together, what is refused, and how fast it goes."""
