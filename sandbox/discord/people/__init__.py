"""People who use Discord's client: what they do, and what the client lets them do."""
