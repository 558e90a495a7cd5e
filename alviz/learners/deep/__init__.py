"""Networks in torch: imported when one is trained or asked, never before (torch takes 170 MB and a second)."""
