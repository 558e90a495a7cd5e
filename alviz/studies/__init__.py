"""alviz.studies"""
