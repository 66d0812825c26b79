-- ARGV: now, sessions before, guests before. Gives how much there is to sweep, more or less.
return redis.call('ZCOUNT', due, '-inf', ARGV[2]) + redis.call('ZCOUNT', expiring, '-inf', ARGV[3])
	+ redis.call('ZCOUNT', idle, '-inf', ARGV[4])
