"""The drawing: Collector → Database → Fetcher → Uploader → destination, and Settlement back to the Database.

A listing of this folder is the picture: `collector`, `fetcher`, `uploader`, `settlement` are its stages, `contents` the bytes.
`lane` is one customer's one destination; `lanes` decides which are awake (`timers`, `probes` and `circuit` say when one may go on),
`sharing` and `share` who may ask for how much. How fast a lane goes is the `pacer`'s (`rate`, `limit`, `allowance`) and the `gate`'s.
`waking` and `parting` are how a lane begins and ends, `holding` says whose lanes may be awake where customers have owners, `careful`
finds the item of which a process dies.
`patience` waits for a database that is away, `events` tells what happens, `assembly` wires all and takes it down in a written order.
"""
