"""Small components that show that parties can work together."""
