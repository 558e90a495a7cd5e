"""Networks that strategies train themselves, in torch: imported when one is trained, never before."""
