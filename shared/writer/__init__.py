"""The one writer of a service: decides in groups, and stores a whole batch in one commit (``loop`` tells how)."""
