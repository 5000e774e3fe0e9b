"""Tools about members."""
