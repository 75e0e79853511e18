"""What both programs need to run on a machine: settings, logs, background work."""
