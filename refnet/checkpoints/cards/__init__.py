"""What lies beside a network's tensors and says how they are used: configurations and options of a training."""
