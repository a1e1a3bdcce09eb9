"""The sandbox's page: a small chat client for the stand-in Discord, with an inspector for everything behind it."""
