"""alviz.projections"""
