"""Post-training quantisation: a float network and pictures in, an integer network out, and how near that comes."""
