"""What commands print for a person: tables, and notes below them."""
