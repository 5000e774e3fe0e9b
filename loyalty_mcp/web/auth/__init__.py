"""Authentication: static tokens, OAuth and operator sessions."""
