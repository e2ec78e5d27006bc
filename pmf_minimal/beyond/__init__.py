"""What is not in the paper."""
