"""A model's schema as slash command options, and the values of options as the model's input. Pure."""
