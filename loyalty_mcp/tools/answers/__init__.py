"""The answers of plain reads, in words."""
