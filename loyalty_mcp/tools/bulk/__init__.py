"""Changes of many members behind one agreement."""
