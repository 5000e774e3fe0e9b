"""The HTTP edge: who calls, what is refused, health, metrics, and the approvals page."""
