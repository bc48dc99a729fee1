"""What measurements say: of a board, of the cost models, and whether they drift."""
