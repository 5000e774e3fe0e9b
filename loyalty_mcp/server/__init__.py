"""The MCP server: its answers, its dialogs, and the composition of its parts."""
