-- ARGV: user, id, key, revision, most bytes, and the value unless it shall go. Gives 1, or what is the matter.
-- Of the data, the field '=' and the key holds a revision of 8 bytes and the value, the field '#' the size of all.
local hash, s = find(ARGV[2], ARGV[3])
if not hash then
	return 'gone'
end
local values, field = data(s), '=' .. ARGV[4]
local have = redis.call('HGET', values, field)
local revision = have and struct.unpack('>i8', have) or 0
if revision ~= tonumber(ARGV[5]) then
	return 'conflict'
end
local size = tonumber(redis.call('HGET', values, '#') or 0)
if have then
	size = size - #ARGV[4] - (#have - 8)
end
if ARGV[7] then
	size = size + #ARGV[4] + #ARGV[7]
	if size > tonumber(ARGV[6]) then
		return 'large'
	end
	redis.call('HSET', values, field, struct.pack('>i8', revision + 1) .. ARGV[7], '#', size)
	redis.call('ZREM', idle, hash)
	keep(values, s.expires)
	return 'done'
end
redis.call('HSET', values, '#', size)
redis.call('HDEL', values, field)
if redis.call('HLEN', values) == 1 then
	redis.call('DEL', values)
	if s.user == '' then
		redis.call('ZADD', idle, s.seen, hash)
		keep(idle, s.expires)
	end
end
return 'done'
