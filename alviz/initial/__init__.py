"""alviz.initial"""
