-- snoozed --
-- Ignored: a snooze that is longer than any may be, and one that was written in the future. In both cases a clock was
-- ahead, and has been set back since.
SELECT snoozed_until, reason FROM waves.backend_state
WHERE backend = %(backend)s AND snoozed_until > now() AND snoozed_until < now() + interval '9 days'
  AND updated_at < now() + interval '1 minute'

-- snooze --
INSERT INTO waves.backend_state AS known (backend, snoozed_until, reason, pauses)
VALUES (%(backend)s, %(until)s, %(reason)s, 1)
ON CONFLICT (backend) DO UPDATE
SET snoozed_until = excluded.snoozed_until, reason = excluded.reason, pauses = known.pauses + 1, updated_at = now()
WHERE known.snoozed_until IS NULL OR known.snoozed_until < excluded.snoozed_until
   OR known.snoozed_until >= now() + interval '9 days' OR known.updated_at >= now() + interval '1 minute'

-- wake --
UPDATE waves.backend_state SET snoozed_until = NULL, reason = NULL, pauses = 0, updated_at = now()
WHERE backend = %(backend)s AND snoozed_until IS NOT NULL

-- unwoken --
SELECT pauses FROM waves.backend_state WHERE backend = %(backend)s AND snoozed_until IS NOT NULL
