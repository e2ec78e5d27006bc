"""What long, large or many-process runs need."""
