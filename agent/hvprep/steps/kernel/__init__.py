"""What is known of old kernels: which fixes they have, by their numbers and by what lies on the disk."""
