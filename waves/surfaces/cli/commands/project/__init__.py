"""Commands about the project as a whole: configuration, checks, clean-up, trying it out."""
