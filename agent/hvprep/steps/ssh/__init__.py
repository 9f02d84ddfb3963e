"""What ssh-server looks at, by part of it."""
