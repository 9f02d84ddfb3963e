"""What the system's firewall lets through, by what loads it."""
