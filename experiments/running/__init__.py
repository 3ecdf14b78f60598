"""From what was asked for (`study`, `choices`) to runs (`simulate`, `runner`) and a results directory (`results`)."""
