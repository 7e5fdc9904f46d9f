"""Who is near to whom in a table of features: read it, search it, show it as a page or in TensorBoard.

`table` and `search` need NumPy and pyarrow alone; only `query`, which embeds new images, runs a model.
"""
