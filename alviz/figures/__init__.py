"""alviz.figures"""
