"""Models come and go: a repository is watched, a new version tried, swapped in, rolled back, forgotten."""
