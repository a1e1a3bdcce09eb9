"""/usage: what runs have cost."""
