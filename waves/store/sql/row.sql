How a row of the source becomes an item. The settings and the hash decide about identity: a change here puts every row
of every theme into the gap again.

-- settings --
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL lc_monetary = 'C'

-- reading --
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- single_key --
{column}::text

-- composite_key --
jsonb_build_array({columns})::text

-- input_hash --
encode(sha256(convert_to(jsonb_build_array({columns})::text, 'UTF8')), 'hex')
