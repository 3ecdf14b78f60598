"""Studies: scripts that a person runs, metrics, figures, results directories and the command line."""
