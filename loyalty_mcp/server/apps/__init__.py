"""MCP Apps: the cards that a host shows in the chat, and which tools they belong to."""
