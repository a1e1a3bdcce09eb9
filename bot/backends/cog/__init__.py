"""Models of one's own, on servers of Cog (coglet 0.21 and later), which people may run anywhere."""
