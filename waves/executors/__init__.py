"""Where requests run: an executor gets a recipe for a handler, runs tasks, and returns their results."""
