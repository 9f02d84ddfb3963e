"""Rules of udev, as steps look at them."""
