"""The page: a small chat client for the stand-in Discord, with the works under its hood laid open."""
