"""What is another in one record than in another one: graphs, totals, input, environment."""
