"""/preset, Save as preset under a result, and presets as commands of a server."""
