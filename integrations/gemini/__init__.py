"""Google's Gemini: much to read, a cheap stand-in, embeddings."""
