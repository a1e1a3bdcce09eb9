"""/models: list, info, search, add, remove, update."""
