"""Loyalty MCP: guarded tools over the Brevo Loyalty API."""

from importlib.metadata import version

__version__ = version("loyalty-mcp")
