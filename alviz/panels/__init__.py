"""alviz.panels"""
