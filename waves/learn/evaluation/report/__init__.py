"""The report of an evaluation: its content, as JSON, and as one HTML page that needs no other resource."""
