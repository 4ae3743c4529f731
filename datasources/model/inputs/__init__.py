"""Rules for what people type. Each needs nothing but the text."""
