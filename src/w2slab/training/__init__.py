"""Training of one network, and of many heads at once: the loop, its rates and its batches."""
