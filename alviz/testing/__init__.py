"""alviz.testing"""
