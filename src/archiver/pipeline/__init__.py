"""The drawing: Collector → Database → Fetcher → Uploader → destination, and Settlement back to the Database.

A listing of this folder is the picture: `collector`, `fetcher`, `uploader`, `settlement` are its stages; `lanes` and `share` decide
who may ask for how much; `pacer` and `gate` how fast a lane goes; `assembly` wires them and takes them down in a written order.
"""
