"""Read-only reports: status, audit, spend and quota. Nothing here takes a lock or writes."""
