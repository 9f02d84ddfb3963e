"""Values that every room speaks in: paths, nodes, changes, plans, findings, reports. No I/O here."""
