"""Discord's HTTP API: routes, request handling, and the request log."""
