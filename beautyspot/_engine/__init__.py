"""The engine: one flow for every call, driven synchronously or by an event loop.

Reading order: `plan` (what a call is), `peek` (the straight line of a hit), `effects` and `drivers` (how the flow talks
to the world), `flights` and `claims` (one execution of a key, in this process and among processes), `flow` (look up,
join, lease, run, land), `payloads` (rows and blobs to values and back), `adoption` (results of 1.x and 2.x), `explain`
(why a call misses), `recorder` (statistics), `background` (saves behind the caller's back), `engine` (what holds them
together).
"""
