"""The stand-in provider: a real HTTP server on loopback that speaks the Messages API. No language model.

`scenarios` says how to behave, `faults` what that means for one request, `desk` decides and keeps the books, `brain`
and `verdicts` make the answer, `server` puts it on the wire, `record` is the account of it. See docs/rehearsal.md.
"""
