"""How the network is configured, by who configures it."""
