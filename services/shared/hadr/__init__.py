"""What the three services share.

How a setting is declared, and the words that they tell each other.

Standard library only, and nothing else goes in.
"""
