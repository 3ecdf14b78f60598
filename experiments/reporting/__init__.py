"""Results as one page to send: what was compared, what came of it in words, tables and figures, and how to repeat it."""
