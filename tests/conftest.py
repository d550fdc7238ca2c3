"""How all tests are run: what a machine that is busy takes longer for is no failure."""

from hypothesis import settings

settings.register_profile("homelab", deadline=None)
settings.load_profile("homelab")
