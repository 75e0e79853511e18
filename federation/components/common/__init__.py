"""What components of several families share: parameter classes, callbacks."""
