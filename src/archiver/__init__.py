"""To be written: see the house."""
