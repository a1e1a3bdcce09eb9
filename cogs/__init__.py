"""One package a feature: options in, one call, one sentence out."""
