"""Features of many images: a table of embeddings that survives being stopped."""
