"""The files of a project: `waves.yaml`, `theme.yaml` and the rubrics, read once, validated and frozen."""
