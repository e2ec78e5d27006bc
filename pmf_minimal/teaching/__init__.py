"""What only the book needs: figures and sliders."""
