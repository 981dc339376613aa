"""Lets `python -m swe_scale` stand for the command."""

from swe_scale.cli import main

if __name__ == "__main__":
    main()
