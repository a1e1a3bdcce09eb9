"""Draw what Discord shows. Pure."""
