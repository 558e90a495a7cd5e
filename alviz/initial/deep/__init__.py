"""Networks that learn from the pool alone. Imports torch: import from here inside functions only."""
