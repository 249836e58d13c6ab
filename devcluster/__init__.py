"""What a bare machine needs to run the product end to end; the product never imports it."""
