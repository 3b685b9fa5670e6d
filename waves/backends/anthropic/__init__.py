"""The Messages API through the official SDK: any server that speaks it."""
