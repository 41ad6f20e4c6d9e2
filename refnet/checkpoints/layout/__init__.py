"""How people lay out what they save: which of the tensors of a file are a network, and what the others are."""
