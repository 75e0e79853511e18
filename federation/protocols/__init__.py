"""What components share: protocols between parties, over a channel."""
