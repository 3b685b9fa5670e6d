"""What the steps of one fire share: the open session, its locks and signals, and the wave as it was read."""
