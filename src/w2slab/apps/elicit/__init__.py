"""Labels without truth: a student learns a user's own labels, and what that tells of them is said with care."""
