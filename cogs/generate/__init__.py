"""The slash command of each model, such as /generate."""
