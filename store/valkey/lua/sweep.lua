-- ARGV: now, sessions before, guests before, how many at most. Gives how many went.
local n, room = 0, tonumber(ARGV[5])
for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', ARGV[2], 'LIMIT', 0, room)) do
	redis.call('DEL', at .. key)
	redis.call('ZREM', due, key)
	n = n + 1
end
for index, before in pairs({[expiring] = ARGV[3], [idle] = ARGV[4]}) do
	for _, hash in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', before, 'LIMIT', 0, room - n)) do
		local s = get(hash)
		if s then
			drop(hash, s)
		else
			redis.call('ZREM', index, hash)
		end
		n = n + 1
	end
end
return n
