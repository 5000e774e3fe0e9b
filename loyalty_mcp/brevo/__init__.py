"""The Brevo Loyalty API: requests, replies and the client that sends them."""
