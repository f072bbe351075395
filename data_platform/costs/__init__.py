"""What runs and stored tables use, what that costs, and who pays for it."""
