"""Ways to average a kernel over a group, and the planner that chooses among them."""
