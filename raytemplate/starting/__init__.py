"""What `init` needs: surveys files, drafts a first template, and writes starters and examples."""
