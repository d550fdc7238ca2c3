"""`python -m homelab` is the command `homelab`."""

from homelab.cli import main

main()
