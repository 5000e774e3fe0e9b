"""The cards in a real browser, inside a host built on the official library."""
