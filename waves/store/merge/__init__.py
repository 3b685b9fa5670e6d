"""Parts into the target table: verdicts, target columns and audit in one transaction."""
