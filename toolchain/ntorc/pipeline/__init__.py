"""The one pipeline: every stage is a function from nouns to a noun; ``deploy`` only walks it."""
