"""What is seen of a server from outside: logs, metrics, traces, and whether its work moves."""
