"""What people read, as a kit that knows nothing of what it shows: text, tables, templates and pictures."""
