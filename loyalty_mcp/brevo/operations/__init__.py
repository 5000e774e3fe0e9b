"""All operations of the API, one module per group of endpoints.

`tools.registry` lists those that are tools; references and tasks use those of `contacts`.
"""
