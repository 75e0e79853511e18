"""What travels: the codec, frames, identities, sealed sessions, the mailbox. Does no I/O."""
