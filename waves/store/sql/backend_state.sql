-- snoozed --
SELECT snoozed_until, reason FROM waves.backend_state WHERE backend = %(backend)s AND snoozed_until > now()

-- snooze --
INSERT INTO waves.backend_state AS known (backend, snoozed_until, reason)
VALUES (%(backend)s, %(until)s, %(reason)s)
ON CONFLICT (backend) DO UPDATE
SET snoozed_until = excluded.snoozed_until, reason = excluded.reason, updated_at = now()
WHERE known.snoozed_until IS NULL OR known.snoozed_until < excluded.snoozed_until

-- wake --
UPDATE waves.backend_state SET snoozed_until = NULL, reason = NULL, updated_at = now()
WHERE backend = %(backend)s AND snoozed_until IS NOT NULL

-- unwoken --
SELECT 1 FROM waves.backend_state WHERE backend = %(backend)s AND snoozed_until IS NOT NULL
