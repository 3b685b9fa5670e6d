"""A subscription through the command line tool `claude -p`: one process for each request."""
