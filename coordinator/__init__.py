"""Plans and supervises jobs over parties; holds no rows and runs no component."""
