"""What starts a getty on the serial port, by kind of init."""
