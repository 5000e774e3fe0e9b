"""Reading and writing the store, one module per noun; functions take the unit of work."""
