-- The same bounds as those of waves.models.Limits; a test holds both together.
CREATE OR REPLACE FUNCTION waves.limit_bounds()
RETURNS TABLE (key text, whole boolean, low numeric, low_included boolean, high numeric)
LANGUAGE sql IMMUTABLE AS $$
    VALUES ('keys',                      true,  1, true,  1000000),
           ('batch_size',                true,  1, true,  1000),
           ('parallel',                  true,  1, true,  1024),
           ('passes',                    true,  1, true,  20),
           ('max_attempts',              true,  1, true,  100),
           ('snooze_error_rate',         false, 0, false, 1),
           ('max_rows_without_approval', true,  0, true,  1000000000),
           ('max_orphan_rate',           false, 0, true,  1),
           ('max_given_up_rate',         false, 0, true,  1),
           ('max_reasked_rate',          false, 0, true,  1),
           ('drift_rows',                true,  0, true,  10000000),
           ('keep_days',                 true,  0, true,  100000),
           ('cap_usd_wave',              false, 0, true,  1000000000),
           ('cap_usd_day',               false, 0, true,  1000000000),
           ('cap_usd_month',             false, 0, true,  1000000000)
$$;
