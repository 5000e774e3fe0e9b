"""The journal: every intent and the audit trail, durable before anything is sent.

The only SQL outside the sandbox.
"""

from loyalty_mcp.intents.journal.journal import Journal

__all__ = ["Journal"]
