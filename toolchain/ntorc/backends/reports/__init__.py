"""Reports of vendor tools, read by our own parsers: whatever the text, an answer or a `DataError`."""
