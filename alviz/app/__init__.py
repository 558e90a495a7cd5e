"""alviz.app"""
