-- How Citus spreads the tables of this step. What is not named stays whole on the coordinator: signing_keys, and the
-- feed, whose order needs one place.
SELECT create_distributed_table('users', 'id');
SELECT create_distributed_table('credentials', 'user_id', colocate_with => 'users');
SELECT create_distributed_table('holders', 'user_id', colocate_with => 'users');
SELECT create_distributed_table('logins', 'login', colocate_with => 'none');
SELECT create_distributed_table('events', 'id', colocate_with => 'none');
