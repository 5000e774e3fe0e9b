"""The HTTP service: routes, authentication, limits, health, metrics and the approvals page."""
