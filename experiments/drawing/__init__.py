"""Figures: `style` is how all of ours look, `figures` draws a results directory."""
