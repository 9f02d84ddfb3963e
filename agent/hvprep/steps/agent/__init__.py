"""Who provisions the machine on Azure: one agent, that starts, finds Azure's data, and reports ready."""
