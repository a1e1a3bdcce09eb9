"""A model's schema, as slash options, and slash options as the model's input. Pure."""
