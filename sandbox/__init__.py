"""A stand-in Discord and a stand-in Replicate: the whole bot, with no accounts."""
