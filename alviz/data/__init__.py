"""alviz.data"""
