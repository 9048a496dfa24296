"""The sides: the product's engine, and four others that do the same job in their own usual way."""
