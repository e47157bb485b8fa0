"""What only people decide. Each function asks for a ``Person``, and reactions and days may not import this room."""
