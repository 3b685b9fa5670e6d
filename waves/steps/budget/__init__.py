"""What a fire may spend: US dollars under the caps, keys under the window, and nothing while the backend is snoozed."""
