"""The MCP server: what it answers, how a person is asked, and how its parts are put together."""
