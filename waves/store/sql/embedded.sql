-- guests --
-- Our own connections do not count: only our last process runs this query.
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'waves'
