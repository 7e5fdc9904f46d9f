"""The other side of the wire: requests and results, whom a command calls, and calls for many files."""
