"""What a fire may use: money, keys of a quota window, and requests in flight. Pure functions and small state."""
