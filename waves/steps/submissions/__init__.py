"""Waves whose requests are handed over in batches by one fire and fetched by a later one."""
