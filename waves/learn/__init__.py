"""What is known about a rubric version before and after it is activated: pilots, evaluations, comparisons."""
