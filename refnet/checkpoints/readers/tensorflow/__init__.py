"""TensorFlow's V2 checkpoints, loose or in an archive: ``bundle`` reads them."""
