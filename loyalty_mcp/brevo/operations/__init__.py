"""Every operation of the API, one module for each group of endpoints.

`tools.registry` lists those that are tools; what `contacts` declares serves references and tasks.
"""
