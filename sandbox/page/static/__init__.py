"""The page's static files: plain HTML, CSS and ES modules, served as they are."""
