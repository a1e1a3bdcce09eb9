"""⋯ under every finished result: a private menu of what one can do with it."""
