"""The page's own files: plain HTML, CSS and ES modules, as they are sent."""
