"""Try it on me, under every finished image."""
