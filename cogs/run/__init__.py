"""/run: any model by its name."""
