"""The journal: all intents and the audit trail, durable before anything is sent.

Apart from the sandbox, only this package contains SQL.
"""

from loyalty_mcp.intents.journal.journal import Journal

__all__ = ["Journal"]
