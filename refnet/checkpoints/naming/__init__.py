"""Name maps: what each publisher calls the tensors of the network, and how their axes lie."""
