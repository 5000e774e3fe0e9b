"""The engine's rules: pure functions over values."""
