"""What is measured, one module per path."""
