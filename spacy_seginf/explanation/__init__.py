"""The component that explains, what it stores on documents, and how that is read."""
