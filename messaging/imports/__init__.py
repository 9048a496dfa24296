"""Reading files of contacts: what is in the file, row by row, and each cell in its canonical form."""
