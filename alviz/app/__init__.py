"""The `alviz` command, the server behind `alviz app`, its page template and the shipped notebooks."""
