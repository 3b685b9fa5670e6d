"""Rubric versions, models and batch sizes measured on gold: metrics, significance and cost."""
