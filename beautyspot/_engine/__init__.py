"""The engine: one flow for every call, driven synchronously or by an event loop.

Reading order: `plan` (what a call is), `effects` and `drivers` (how the flow talks to the world), `flights` (one execution
of a key in this process), `flow` (look up, join, lease, run, land), `payloads` (rows and blobs to values and back),
`recorder` (statistics), `saver` (background saves), `engine` (what holds them together).
"""
