"""/chain and the chains of the configuration."""
