"""What a fire may spend: dollars under the caps, keys under the provider's window, and when the backend sleeps."""
