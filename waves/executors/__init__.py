"""Where requests run: an executor gets a recipe for a handler, runs tasks, and brings back what they gave."""
