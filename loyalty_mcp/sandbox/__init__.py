"""A faithful local engine that speaks the Brevo Loyalty API."""
