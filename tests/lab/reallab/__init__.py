"""Brings the real lab up and down, and runs commands in it."""
