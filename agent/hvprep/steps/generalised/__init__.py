"""What has to be gone from an image that machines are made from: one file for each kind of trace."""
