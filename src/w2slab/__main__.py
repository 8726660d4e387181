"""`python -m w2slab` is the command line."""

from w2slab.cli.main import main

main()
