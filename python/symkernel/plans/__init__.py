"""Average a kernel over a group in one of several ways, and choose among them."""
