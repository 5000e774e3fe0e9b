"""Changes of many members with one agreement."""
