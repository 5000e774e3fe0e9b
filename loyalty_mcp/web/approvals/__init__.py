"""The page on which operators approve or decline intents."""
