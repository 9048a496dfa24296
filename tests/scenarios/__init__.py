"""From a file to a reply: several real processes together, as a person or a program uses them."""
