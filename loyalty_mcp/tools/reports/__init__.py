"""Tools that report on the server and its intents."""
