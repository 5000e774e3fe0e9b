"""A faithful local engine for the Brevo Loyalty API."""
