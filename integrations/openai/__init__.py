"""OpenAI: scoring, texts, embeddings and pictures."""
