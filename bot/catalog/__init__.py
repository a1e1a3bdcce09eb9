"""Which commands exist: the model that each one runs, and its options."""
