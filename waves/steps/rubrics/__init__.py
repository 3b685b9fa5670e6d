"""Which rubric version is active, who approved it, and what activating another would cost."""
