"""/me: what a person chose for themselves."""
