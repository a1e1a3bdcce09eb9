"""/server: the rules of a server; and reports of results to its moderators."""
