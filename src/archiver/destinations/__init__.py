"""Where items go: `port` is the contract, `conformance` what every adapter must do, every other module one adapter.

In: uploads from the Uploader. Out: an outcome for each, for settlement.
"""
