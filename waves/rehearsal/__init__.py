"""The stand-in provider: a real HTTP server on loopback that speaks the Messages API. No language model.

`scenarios` defines how it behaves, `faults` what that means for one request; `provider` decides and keeps the quota
and the cache; `brain` and `verdicts` make the answer, `server` sends it, `record` logs it. See docs/rehearsal.md.
"""
