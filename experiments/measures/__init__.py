"""What a run comes to: `metrics` are folds of the log, `looks` thins what was seen, `summary` is the table."""
