"""What is asked and what is expected: gold from a file or a relation, and the wave on disk that asks for it."""
