"""`symae ui`: a web page to try models on pictures. A gRPC server computes all of it, called through our own client.

    upload -> picture -> tab (damage, call, words) -> page

Each tab is a file: its layout, its one handler, and what it computes as pure functions. Nothing is loaded from
elsewhere and nothing reported.
"""
