"""`python -m symae` is the command `symae`."""

from symae.cli import main

main(prog_name="symae")
