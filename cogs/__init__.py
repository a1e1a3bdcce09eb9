"""One thin cog a feature: options in, one call, one sentence out."""
