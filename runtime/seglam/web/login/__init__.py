"""Signing people in by OpenID Connect: what the registry's pages and the gateway's share.

`flow.Logins` knows the way to an issuer and back, `entrance.Entrance` keeps what a browser must bring back of it. Who
comes out, and what they may do, is up to the service.
"""
