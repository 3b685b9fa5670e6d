"""What stands in the files and tables of a place: notes to be labelled, read through a view."""

from __future__ import annotations

TABLE = """
    CREATE TABLE note (id bigint PRIMARY KEY, content text, kind text, labels text, confidence double precision,
                       version text);
    CREATE INDEX ON note (version, id);
    CREATE VIEW note_seen AS SELECT id, content, kind FROM note;
"""
THEME_FILE = """
layer: tests
source: {relation: note_seen, key: id, input: [content, kind]}
target: {table: note, key: id, columns: {$labels: labels, $confidence: confidence, $version: version}}
backends: [provider]
wave: {keys: 100, batch_size: %(batch_size)d, parallel: %(parallel)d}
"""
PROJECT = """
database: "%(database)s"
data: data
prompts: prompts
backends:
  provider: {%(backend)s, base_url: "%(url)s", models: [model-1], api_key_env: FAULTS_KEY, timeout: %(timeout)g}
"""
RUBRIC = """---
kind: classify
multi: true
labels:
  question: asks something
  praise: agrees or thanks
  request: asks for a change
---
Label each note by what it does.

### Example

```json
{"content": "How many patients were in the second group?", "kind": "review"}
```

```json
{"labels": ["question"], "confidence": 0.9}
```

### Example

```json
{"content": "I fully agree, a wonderful paper, thank you.", "kind": "review"}
```

```json
{"labels": ["praise"], "confidence": 0.9}
```

### Example

```json
{"content": "Please move the second figure to the appendix.", "kind": "review"}
```

```json
{"labels": ["request"], "confidence": 0.9}
```
"""
