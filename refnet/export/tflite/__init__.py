"""Export as a file of TensorFlow Lite, written without TensorFlow."""
