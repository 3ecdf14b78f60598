"""Results as they are kept: what was asked for, what came of it, the log it came from, and which code made it."""
