"""A stand-in Discord and a stand-in Replicate, to run the whole bot without accounts."""
