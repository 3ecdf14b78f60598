"""Results as one page to send: what was compared, what came of it in words, tables and figures, how to repeat it."""
