"""What `init` needs: files surveyed, a first template drafted, starters and examples written."""
