"""alviz.loop"""
