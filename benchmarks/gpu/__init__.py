"""A session on a GPU: what only a GPU can show, in as many sittings as it takes."""
