"""Loyalty MCP: guarded tools over the Brevo Loyalty API."""
