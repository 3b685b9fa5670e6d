"""The request loop: from the missing items of a wave to parts on disk, with several requests in flight."""
