"""Tools that set up programs."""
