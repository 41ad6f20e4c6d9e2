"""The hub: from a model's name to a weight file on this machine, downloaded and converted where it must be."""
