from hypothesis import settings

settings.register_profile("refnet", deadline=None)  # a loaded machine is no failure
settings.load_profile("refnet")
