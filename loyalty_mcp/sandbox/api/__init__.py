"""The engine's HTTP interface: routes, bodies and queries."""
