"""Commands about rubric versions: try, measure, compare, approve, activate."""
