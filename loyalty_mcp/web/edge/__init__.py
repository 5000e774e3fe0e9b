"""Checks and limits that apply before a route is reached."""
