"""People: they act as a user of Discord does, with the checks of Discord's client."""
