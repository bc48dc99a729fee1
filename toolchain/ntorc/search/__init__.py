"""Joint search of front end, model, formats and hardware."""
