-- How Citus spreads the tables of this step.
SELECT create_distributed_table('api_keys', 'bucket', colocate_with => 'sessions');
SELECT create_distributed_table('parcels', 'id', colocate_with => 'none');
