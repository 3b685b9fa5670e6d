"""What is known about a rubric version before and after it is put in force: pilots, evaluations, comparisons."""
