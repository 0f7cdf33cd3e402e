"""Label issues leave for annotation tools, and the decisions made there come back."""
