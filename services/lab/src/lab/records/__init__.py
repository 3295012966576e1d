"""What a result folder holds, and how it is written and read; folder.py lists the files."""
