"""``python -m experiments`` is the same as ``towtank``."""

from experiments.cli import main

if __name__ == "__main__":
    main()
