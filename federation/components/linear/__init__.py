"""Linear models over columns or rows of several parties."""
