"""From the text of a model's answer to verdicts that may be stored."""
