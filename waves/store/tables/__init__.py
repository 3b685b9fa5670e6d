"""One module for each table of the schema `waves`."""
