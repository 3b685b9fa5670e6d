"""The request loop: from the missing items of a wave to parts on disk, one request at a time in many places."""
