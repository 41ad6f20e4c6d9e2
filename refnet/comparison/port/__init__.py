"""The port's side: which of its tensors is which of the golden's, in which order of axes."""
