"""Meta pixel: what a site's events look like to Meta, and conversions sent from the server."""
