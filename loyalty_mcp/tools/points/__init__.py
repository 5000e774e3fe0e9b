"""Tools that move points."""
