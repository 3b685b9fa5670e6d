"""Which rows of the source need work: candidates, edited rows, counts and samples."""
