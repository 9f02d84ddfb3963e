"""How each generator of initrds is configured and asked for an image, and who inspects what it made."""
