-- guests --
-- Connections of ours do not count: whoever asks is the last process of ours.
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'waves'
