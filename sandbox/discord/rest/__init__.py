"""The HTTP side: routes, rate limits, faults, and what was asked."""
