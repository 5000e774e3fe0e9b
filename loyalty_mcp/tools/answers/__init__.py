"""What the plain reads of the API answer, in words."""
