"""The Ray that a run uses: started or joined, checked, watched while it is used, and left."""
