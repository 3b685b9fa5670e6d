"""What a project's files say: `waves.yaml`, `theme.yaml` and the rubric files, read once, validated and frozen."""
