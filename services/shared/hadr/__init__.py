"""What the three services share: how a setting is declared, and the words that they tell each other.

Standard library only, and nothing else goes in.
"""
