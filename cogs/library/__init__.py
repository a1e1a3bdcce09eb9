"""/library: what a person made and likes, page by page, and as an archive."""
