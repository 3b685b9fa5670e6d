"""Which rubric version is active, who approved it, and what the activation of another one would cost."""
