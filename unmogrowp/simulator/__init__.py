"""Made-up traffic with a known truth: the demo day, later a whole market."""
