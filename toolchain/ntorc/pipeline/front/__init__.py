"""The exact front of a network on a board, drawn, and beside those of other backends."""
