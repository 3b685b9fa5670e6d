"""Rubric versions in the database, with what was measured of them."""
