"""A prediction's output, as parts that can be shown. Pure, but for fetching files."""
