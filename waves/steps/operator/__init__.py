"""What a person starts by hand: single steps, repairs, limits and checks."""
