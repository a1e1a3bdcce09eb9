"""What Discord accepts and what it refuses, with its own words for it."""
