"""The nouns of the world: who and what there is, and what it was."""
