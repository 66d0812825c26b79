-- How Citus spreads the tables of this step: a bucket is in one place, with all that is of it.
SELECT create_distributed_table('sessions', 'bucket');
SELECT create_distributed_table('session_data', 'bucket', colocate_with => 'sessions');
SELECT create_distributed_table('owners', 'bucket', colocate_with => 'sessions');
SELECT create_distributed_table('moved', 'bucket', colocate_with => 'sessions');
SELECT create_distributed_table('tickets', 'bucket', colocate_with => 'sessions');
SELECT create_distributed_table('counters', 'key', colocate_with => 'none');
