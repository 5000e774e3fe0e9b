"""Tasks: tools that need several requests, one module per subject."""
