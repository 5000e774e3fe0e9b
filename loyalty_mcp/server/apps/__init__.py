"""MCP Apps: the cards that a host shows in the chat, and what binds them to tools."""
