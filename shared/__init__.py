"""What all four services need; knows no service, holds no rule of the field."""
