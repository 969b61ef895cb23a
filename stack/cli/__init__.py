"""The commands, one module a noun: everything that the deck does, without a deck."""
