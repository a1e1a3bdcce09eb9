"""What people find again: thumbnails of results, archives of them, and which may be copied into a gallery."""
